#include "base/token_bucket.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace turnpike {
namespace {

constexpr Instant kBegin = Instant{} + seconds(1000);

// Takes one token at a time until none is left.
uint64_t drain(TokenBucket& bucket, Instant now) {
  uint64_t taken = 0;
  while (bucket.take(1, now)) ++taken;
  return taken;
}

TEST(TokenBucket, StartsFullAndNeverHoldsMoreThanTheBurst) {
  TokenBucket bucket(10, 25, kBegin);
  EXPECT_EQ(drain(bucket, kBegin), 25U);
  EXPECT_EQ(drain(bucket, kBegin + seconds(3600)), 25U);
}

TEST(TokenBucket, ANewRateKeepsWhatWasSavedUpAsFarAsTheNewBurstGoes) {
  TokenBucket bucket(10, 25, kBegin);
  EXPECT_TRUE(bucket.take(20, kBegin));
  // What the old rate has earned until now counts.
  bucket.set_rate(100, 50, kBegin + seconds(1));
  EXPECT_EQ(bucket.available(kBegin + seconds(1)), 15U);
  EXPECT_EQ(bucket.available(kBegin + milliseconds(1100)), 25U);
  bucket.set_rate(1, 5, kBegin + milliseconds(1100));
  EXPECT_EQ(drain(bucket, kBegin + milliseconds(1100)), 5U);
  EXPECT_EQ(drain(bucket, kBegin + milliseconds(2100)), 1U);
}

TEST(TokenBucket, TakesAllOrNothing) {
  TokenBucket bucket(10, 5, kBegin);
  EXPECT_FALSE(bucket.take(6, kBegin));
  EXPECT_TRUE(bucket.take(5, kBegin));
  EXPECT_FALSE(bucket.take(1, kBegin));
}

TEST(TokenBucket, WhoMayOweTakesMoreThanThereIsAndIsRefusedUntilThatIsPaid) {
  TokenBucket bucket(10, 5, kBegin);
  EXPECT_TRUE(bucket.take_or_owe(4, kBegin));
  EXPECT_TRUE(bucket.take_or_owe(11, kBegin));  // One token, and ten that are owed.
  EXPECT_EQ(bucket.available(kBegin), 0U);
  EXPECT_FALSE(bucket.take_or_owe(1, kBegin + milliseconds(1000)));
  EXPECT_TRUE(bucket.take_or_owe(0, kBegin + milliseconds(1000)));
  EXPECT_EQ(bucket.available(kBegin + milliseconds(1100)), 1U);
  EXPECT_EQ(bucket.available(kBegin + seconds(3600)), 5U);
}

TEST(TokenBucket, WhatHasHappenedIsChargedAndWhatIsGivenBackPaysForIt) {
  TokenBucket bucket(10, 5, kBegin);
  bucket.charge(7, kBegin);
  bucket.charge(3, kBegin);
  bucket.put(4);
  EXPECT_EQ(bucket.available(kBegin + milliseconds(100)), 0U);
  bucket.put(3);
  EXPECT_EQ(bucket.available(kBegin + milliseconds(100)), 3U);
}

TEST(TokenBucket, DebtIsPaidByTheTokenAndStaysWhenTheRateChanges) {
  TokenBucket bucket(10, 5, kBegin);
  bucket.charge(15, kBegin);
  bucket.set_rate(100, 50, kBegin + milliseconds(500));
  EXPECT_EQ(bucket.available(kBegin + milliseconds(550)), 0U);
  EXPECT_EQ(bucket.available(kBegin + milliseconds(560)), 1U);
}

TEST(TokenBucket, GivesEachTokenAtItsTimeAndNotBefore) {
  TokenBucket bucket(10, 1, kBegin);
  EXPECT_TRUE(bucket.take(1, kBegin));
  EXPECT_FALSE(bucket.take(1, kBegin + Duration(99'999'999)));
  EXPECT_TRUE(bucket.take(1, kBegin + Duration(100'000'000)));
}

TEST(TokenBucket, RateIsExactOverASecondHoweverOftenItIsAsked) {
  for (const uint64_t rate : {1U, 3U, 7U, 200U, 5000U, 999'983U}) {
    for (const int64_t step_ns : {1'000'000'000, 333'333, 77'777, 10'001}) {
      TokenBucket bucket(rate, 2 * rate, kBegin);
      EXPECT_TRUE(bucket.take(2 * rate, kBegin));
      uint64_t gained = 0;
      for (int64_t at = step_ns; at < 1'000'000'000; at += step_ns) {
        const uint64_t have = bucket.available(kBegin + Duration(at));
        EXPECT_TRUE(bucket.take(have, kBegin + Duration(at)));
        gained += have;
      }
      gained += bucket.available(kBegin + seconds(1));
      EXPECT_EQ(gained, rate) << rate << " by steps of " << step_ns;
    }
  }
}

TEST(TokenBucket, DoesNotDriftOverADay) {
  constexpr uint64_t kRate = 7;
  TokenBucket bucket(kRate, 1000, kBegin);
  EXPECT_TRUE(bucket.take(1000, kBegin));
  RandomSource random(1);
  Instant now = kBegin;
  uint64_t gained = 0;
  while (now < kBegin + std::chrono::hours(24)) {
    now += Duration(static_cast<int64_t>(random.below(2'000'000'000)));
    const uint64_t have = bucket.available(now);
    EXPECT_TRUE(bucket.take(have, now));
    gained += have;
  }
  const auto elapsed = static_cast<uint64_t>((now - kBegin).count());
  EXPECT_EQ(gained, static_cast<uint64_t>(static_cast<long double>(elapsed) * kRate / 1e9L));
}

TEST(TokenBucket, CountsAPauseOfAnyLength) {
  TokenBucket slow(1, 100'000, kBegin);
  EXPECT_TRUE(slow.take(100'000, kBegin));
  EXPECT_EQ(slow.available(kBegin + seconds(20'000)), 20'000U);
  TokenBucket fast(UINT64_MAX, UINT64_MAX, kBegin);
  EXPECT_TRUE(fast.take(UINT64_MAX, kBegin));
  EXPECT_EQ(fast.available(Instant::max()), UINT64_MAX);
}

TEST(TokenBucket, TimeThatGoesBackGivesNothing) {
  TokenBucket bucket(1000, 10, kBegin);
  EXPECT_TRUE(bucket.take(10, kBegin));
  EXPECT_EQ(bucket.available(kBegin - seconds(100)), 0U);
  EXPECT_EQ(bucket.available(kBegin), 0U);
}

TEST(TokenBucket, RateZeroSpendsTheBurstOnce) {
  TokenBucket bucket(0, 3, kBegin);
  EXPECT_EQ(drain(bucket, kBegin), 3U);
  EXPECT_EQ(drain(bucket, kBegin + std::chrono::hours(1000)), 0U);
}

}  // namespace
}  // namespace turnpike
