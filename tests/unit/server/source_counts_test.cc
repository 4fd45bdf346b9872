#include "server/source_counts.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::server {
namespace {

using testing::ip;

TEST(SourceCounts, LimitsEachSourceByItself) {
  SourceCounts counts({1, 2});
  EXPECT_TRUE(counts.add(ip("192.0.2.1"), 2));
  EXPECT_TRUE(counts.add(ip("192.0.2.1"), 2));
  EXPECT_FALSE(counts.add(ip("192.0.2.1"), 2));
  EXPECT_TRUE(counts.is_full(ip("192.0.2.1"), 2));
  EXPECT_TRUE(counts.add(ip("192.0.2.2"), 2));
}

TEST(SourceCounts, TakesAnIPv6NetworkForOneSource) {
  SourceCounts counts({1, 2});
  EXPECT_TRUE(counts.add(ip("2001:db8:0:1::1"), 1));
  EXPECT_FALSE(counts.add(ip("2001:db8:0:ff:1::2"), 1));
  EXPECT_TRUE(counts.add(ip("2001:db8:0:100::1"), 1));
}

TEST(SourceCounts, KnowsNoLimitOfZero) {
  SourceCounts counts({1, 2});
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(counts.add(ip("192.0.2.1"), 0));
}

TEST(SourceCounts, ForgetsASourceThatHasNoneLeft) {
  SourceCounts counts({1, 2});
  EXPECT_TRUE(counts.add(ip("192.0.2.1"), 1));
  counts.remove(ip("192.0.2.1"));
  EXPECT_EQ(counts.sources(), 0U);
  EXPECT_TRUE(counts.add(ip("192.0.2.1"), 1));
}

}  // namespace
}  // namespace turnpike::server
