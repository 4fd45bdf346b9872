#include "server/memory_return.h"

#include <vector>

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

class MemoryReturnTest : public ::testing::Test {
 protected:
  // Ticks of a second with that many sessions; in which of them memory was given back, from 1 on.
  std::vector<int> run(uint64_t sessions, int ticks) {
    std::vector<int> due;
    for (int i = 1; i <= ticks; ++i, now_ += seconds(1)) {
      if (memory_.is_due(now_, sessions)) due.push_back(i);
    }
    return due;
  }

  Instant now_{seconds(1000)};
  MemoryReturn memory_;
};

constexpr int kTicks = static_cast<int>(MemoryReturn::kQuiet / Duration(seconds(1)));

TEST_F(MemoryReturnTest, OnceAfterAPeak) {
  EXPECT_TRUE(run(10'000, 60).empty());
  EXPECT_EQ(run(0, 600), std::vector<int>{kTicks + 1});
}

TEST_F(MemoryReturnTest, AgainAfterAnotherPeak) {
  run(10'000, 1);
  run(0, 600);
  run(10'000, 1);
  EXPECT_EQ(run(100, 600), std::vector<int>{kTicks + 1});
}

TEST_F(MemoryReturnTest, APeakThatComesBackInTimeKeepsItsMemory) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(run(10'000, 5).empty());
    EXPECT_TRUE(run(0, kTicks).empty());
  }
}

TEST_F(MemoryReturnTest, NotForLessThanHalf) {
  run(10'000, 1);
  EXPECT_TRUE(run(5'001, 600).empty());
  EXPECT_EQ(run(5'000, 600), std::vector<int>{kTicks + 1});
}

TEST_F(MemoryReturnTest, NotForAFew) {
  run(MemoryReturn::kWorthwhile - 1, 1);
  EXPECT_TRUE(run(0, 600).empty());
}

TEST_F(MemoryReturnTest, ASlowDeclineIsNoticedAtTheHalf) {
  int given_back = 0;
  for (uint64_t sessions = 16'000; sessions > 0; sessions -= 100) {
    given_back += static_cast<int>(run(sessions, 60).size());
  }
  EXPECT_EQ(given_back, 4) << "at 8,000, 4,000, 2,000 and 1,000";
}

}  // namespace
}  // namespace turnpike::server
