#include "server/source_counts.h"

#include <atomic>
#include <thread>
#include <vector>

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

TEST(SourceCounts, HoldsAgainstManyThreads) {
  SourceCounts counts({1, 2});
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5000; ++round) {
        if (!counts.add(ip("192.0.2.1"), 3)) continue;
        const int now = ++held;
        int before = most;
        while (now > before && !most.compare_exchange_weak(before, now)) {
        }
        --held;
        counts.remove(ip("192.0.2.1"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(counts.sources(), 0U);
}

}  // namespace
}  // namespace turnpike::server
