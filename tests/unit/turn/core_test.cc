#include "turn/core.h"

#include <set>

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

TEST(GrantedLifetime, LiesBetweenTheDefaultAndTheMaximum) {
  Settings settings;
  EXPECT_EQ(granted_lifetime({}, settings), seconds(600));
  EXPECT_EQ(granted_lifetime(0, settings), seconds(600));
  EXPECT_EQ(granted_lifetime(601, settings), seconds(601));
  EXPECT_EQ(granted_lifetime(UINT32_MAX, settings), seconds(3600));
  settings.max_lifetime = seconds(60);
  EXPECT_EQ(granted_lifetime({}, settings), seconds(60));
  EXPECT_EQ(granted_lifetime(30, settings), seconds(60));
}

TEST(CloseReason, HasAWordForEach) {
  std::set<std::string_view> words;
  for (const CloseReason reason :
       {CloseReason::deleted, CloseReason::expired, CloseReason::link_closed, CloseReason::killed,
        CloseReason::server_stops}) {
    words.insert(to_string(reason));
  }
  EXPECT_EQ(words.size(), 5U);
  EXPECT_FALSE(words.contains("?"));
}

TEST(Counters, HaveDistinctNamesAndSayWhatTheyCount) {
  std::set<std::string_view> names;
  for (const CounterInfo& info : kCounterInfo) {
    names.insert(info.name);
    EXPECT_FALSE(info.help.empty());
  }
  EXPECT_EQ(names.size(), kCounterInfo.size());
  EXPECT_EQ(sizeof(Counters), kCounterInfo.size() * sizeof(Counter) + sizeof(Breakdown));
}

}  // namespace
}  // namespace turnpike::turn
