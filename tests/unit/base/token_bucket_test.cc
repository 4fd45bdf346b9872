#include "base/token_bucket.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace turnpike {
namespace {

constexpr Instant kStart = Instant{} + seconds(1000);

// Takes one token at a time until none is left.
uint64_t drain(TokenBucket& bucket, Instant now) {
  uint64_t taken = 0;
  while (bucket.take(1, now)) ++taken;
  return taken;
}

TEST(TokenBucket, StartsFullAndNeverHoldsMoreThanTheBurst) {
  TokenBucket bucket(10, 25, kStart);
  EXPECT_EQ(drain(bucket, kStart), 25U);
  EXPECT_EQ(drain(bucket, kStart + seconds(3600)), 25U);
}

TEST(TokenBucket, ANewRateKeepsWhatWasSavedUpAsFarAsTheNewBurstGoes) {
  TokenBucket bucket(10, 25, kStart);
  EXPECT_TRUE(bucket.take(20, kStart));
  // What the old rate has earned until now counts.
  bucket.set_rate(100, 50, kStart + seconds(1));
  EXPECT_EQ(bucket.available(kStart + seconds(1)), 15U);
  EXPECT_EQ(bucket.available(kStart + milliseconds(1100)), 25U);
  bucket.set_rate(1, 5, kStart + milliseconds(1100));
  EXPECT_EQ(drain(bucket, kStart + milliseconds(1100)), 5U);
  EXPECT_EQ(drain(bucket, kStart + milliseconds(2100)), 1U);
}

TEST(TokenBucket, TakesAllOrNothing) {
  TokenBucket bucket(10, 5, kStart);
  EXPECT_FALSE(bucket.take(6, kStart));
  EXPECT_TRUE(bucket.take(5, kStart));
  EXPECT_FALSE(bucket.take(1, kStart));
}

TEST(TokenBucket, WhoMayOweTakesMoreThanThereIsAndIsRefusedUntilThatIsPaid) {
  TokenBucket bucket(10, 5, kStart);
  EXPECT_TRUE(bucket.take_or_owe(4, kStart));
  EXPECT_TRUE(bucket.take_or_owe(11, kStart));  // One token, and ten that are owed.
  EXPECT_EQ(bucket.available(kStart), 0U);
  EXPECT_FALSE(bucket.take_or_owe(1, kStart + milliseconds(1000)));
  EXPECT_TRUE(bucket.take_or_owe(0, kStart + milliseconds(1000)));
  EXPECT_EQ(bucket.available(kStart + milliseconds(1100)), 1U);
  EXPECT_EQ(bucket.available(kStart + seconds(3600)), 5U);
}

TEST(TokenBucket, WhatHasHappenedIsChargedAndWhatIsGivenBackPaysForIt) {
  TokenBucket bucket(10, 5, kStart);
  bucket.charge(7, kStart);
  bucket.charge(3, kStart);
  bucket.put(4);
  EXPECT_EQ(bucket.available(kStart + milliseconds(100)), 0U);
  bucket.put(3);
  EXPECT_EQ(bucket.available(kStart + milliseconds(100)), 3U);
}

TEST(TokenBucket, DebtIsPaidByTheTokenAndStaysWhenTheRateChanges) {
  TokenBucket bucket(10, 5, kStart);
  bucket.charge(15, kStart);
  bucket.set_rate(100, 50, kStart + milliseconds(500));
  EXPECT_EQ(bucket.available(kStart + milliseconds(550)), 0U);
  EXPECT_EQ(bucket.available(kStart + milliseconds(560)), 1U);
}

TEST(TokenBucket, GivesEachTokenAtItsTimeAndNotBefore) {
  TokenBucket bucket(10, 1, kStart);
  EXPECT_TRUE(bucket.take(1, kStart));
  EXPECT_FALSE(bucket.take(1, kStart + Duration(99'999'999)));
  EXPECT_TRUE(bucket.take(1, kStart + Duration(100'000'000)));
}

TEST(TokenBucket, RateIsExactOverASecondHoweverOftenItIsAsked) {
  for (const uint64_t rate : {1U, 3U, 7U, 200U, 5000U, 999'983U}) {
    for (const int64_t step_ns : {1'000'000'000, 333'333, 77'777, 10'001}) {
      TokenBucket bucket(rate, 2 * rate, kStart);
      EXPECT_TRUE(bucket.take(2 * rate, kStart));
      uint64_t gained = 0;
      for (int64_t at = step_ns; at < 1'000'000'000; at += step_ns) {
        const uint64_t have = bucket.available(kStart + Duration(at));
        EXPECT_TRUE(bucket.take(have, kStart + Duration(at)));
        gained += have;
      }
      gained += bucket.available(kStart + seconds(1));
      EXPECT_EQ(gained, rate) << rate << " by steps of " << step_ns;
    }
  }
}

TEST(TokenBucket, DoesNotDriftOverADay) {
  constexpr uint64_t kRate = 7;
  TokenBucket bucket(kRate, 1000, kStart);
  EXPECT_TRUE(bucket.take(1000, kStart));
  RandomSource random(1);
  Instant now = kStart;
  uint64_t gained = 0;
  while (now < kStart + std::chrono::hours(24)) {
    now += Duration(static_cast<int64_t>(random.below(2'000'000'000)));
    const uint64_t have = bucket.available(now);
    EXPECT_TRUE(bucket.take(have, now));
    gained += have;
  }
  const auto elapsed = static_cast<uint64_t>((now - kStart).count());
  EXPECT_EQ(gained, static_cast<uint64_t>(static_cast<long double>(elapsed) * kRate / 1e9L));
}

TEST(TokenBucket, CountsAPauseOfAnyLength) {
  TokenBucket slow(1, 100'000, kStart);
  EXPECT_TRUE(slow.take(100'000, kStart));
  EXPECT_EQ(slow.available(kStart + seconds(20'000)), 20'000U);
  TokenBucket fast(UINT64_MAX, UINT64_MAX, kStart);
  EXPECT_TRUE(fast.take(UINT64_MAX, kStart));
  EXPECT_EQ(fast.available(Instant::max()), UINT64_MAX);
}

TEST(TokenBucket, TimeThatGoesBackGivesNothing) {
  TokenBucket bucket(1000, 10, kStart);
  EXPECT_TRUE(bucket.take(10, kStart));
  EXPECT_EQ(bucket.available(kStart - seconds(100)), 0U);
  EXPECT_EQ(bucket.available(kStart), 0U);
}

TEST(TokenBucket, RateZeroSpendsTheBurstOnce) {
  TokenBucket bucket(0, 3, kStart);
  EXPECT_EQ(drain(bucket, kStart), 3U);
  EXPECT_EQ(drain(bucket, kStart + std::chrono::hours(1000)), 0U);
}

}  // namespace
}  // namespace turnpike
