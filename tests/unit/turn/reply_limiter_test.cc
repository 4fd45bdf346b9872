#include "turn/reply_limiter.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using testing::ip;

constexpr ReplyLimit kLimit = {200, 2000};

int allowed(ReplyLimiter& limiter, const Ip& source, int tries, Instant now) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += limiter.allow(source, now) ? 1 : 0;
  return count;
}

TEST(ReplyLimiter, LetsTheBurstThroughAndThenOneInSixteen) {
  ReplyLimiter limiter(kLimit, {1, 2});
  EXPECT_EQ(allowed(limiter, ip("8.8.8.8"), 2000, kStart), 2000);
  EXPECT_EQ(allowed(limiter, ip("8.8.8.8"), 1600, kStart), 100);
}

TEST(ReplyLimiter, RefillsAtItsRate) {
  ReplyLimiter limiter(kLimit, {1, 2});
  allowed(limiter, ip("8.8.8.8"), 2000, kStart);
  EXPECT_EQ(allowed(limiter, ip("8.8.8.8"), 15, kStart + milliseconds(4)), 0);
  EXPECT_EQ(allowed(limiter, ip("8.8.8.8"), 1, kStart + milliseconds(5)), 1);
  EXPECT_EQ(allowed(limiter, ip("8.8.8.8"), 200, kStart + milliseconds(1005)), 200);
  EXPECT_EQ(allowed(limiter, ip("8.8.8.8"), 2000, kStart + seconds(100)), 2000);
}

TEST(ReplyLimiter, KeepsTheRateOverALongTime) {
  ReplyLimiter limiter(kLimit, {1, 2});
  allowed(limiter, ip("8.8.8.8"), 2000, kStart);
  int count = 0;
  Instant now = kStart;
  // Three askings a millisecond, of which 0.2 have a token: those and one in 16 of the rest.
  for (int i = 0; i < 10'000; ++i) {
    now += milliseconds(1);
    count += allowed(limiter, ip("8.8.8.8"), 3, now);
  }
  EXPECT_NEAR(count, 2000 + (30'000 - 2000) / 16, 5);
}

TEST(ReplyLimiter, CountsIPv4ByAddress) {
  ReplyLimiter limiter(kLimit, {1, 2});
  allowed(limiter, ip("8.8.8.8"), 2000, kStart);
  EXPECT_EQ(allowed(limiter, ip("8.8.8.9"), 100, kStart), 100);
}

TEST(ReplyLimiter, CountsIPv6By56Bits) {
  ReplyLimiter limiter(kLimit, {1, 2});
  allowed(limiter, ip("2607:f8b0:1:100::1"), 2000, kStart);
  EXPECT_EQ(allowed(limiter, ip("2607:f8b0:1:1ff:ffff::2"), 15, kStart), 0);
  EXPECT_EQ(allowed(limiter, ip("2607:f8b0:1:200::1"), 100, kStart), 100);
}

TEST(ReplyLimiter, HasNoLimitWhenTheRateIsZero) {
  ReplyLimiter limiter({0, 0}, {1, 2});
  EXPECT_EQ(allowed(limiter, ip("8.8.8.8"), 100'000, kStart), 100'000);
}

}  // namespace
}  // namespace turnpike::turn
