#include "server/control.h"

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

TEST(SessionId, ReadsBackWhatItWrites) {
  const SessionId id{1, 4294967295U, 7};
  EXPECT_EQ(id.to_string(), "1-4294967295-7");
  EXPECT_EQ(SessionId::parse(id.to_string()), id);
}

TEST(SessionId, RefusesEverythingElse) {
  for (const char* text : {"", "1", "1-2", "1-2-", "1-2-3-", "1-2-3-4", "-1-2-3", "1--2-3", "a-b-c",
                           "1-2-4294967296", " 1-2-3", "1-2-3 ", "+1-2-3", "0x1-2-3"}) {
    EXPECT_EQ(SessionId::parse(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace turnpike::server
