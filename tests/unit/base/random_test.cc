#include "base/random.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

std::vector<uint8_t> filled(RandomSource& random, size_t size) {
  std::vector<uint8_t> bytes(size);
  random.fill(bytes);
  return bytes;
}

TEST(Random, SameSeedSameStream) {
  RandomSource a(7);
  RandomSource b(7);
  EXPECT_EQ(filled(a, 5000), filled(b, 5000));
  EXPECT_EQ(a.next(), b.next());
}

TEST(Random, StreamDoesNotDependOnHowItIsCut) {
  RandomSource whole(7);
  RandomSource pieces(7);
  const std::vector<uint8_t> expected = filled(whole, 3000);
  std::vector<uint8_t> joined;
  for (size_t size = 0; joined.size() + size <= expected.size(); ++size) {
    const std::vector<uint8_t> piece = filled(pieces, size);
    joined.insert(joined.end(), piece.begin(), piece.end());
  }
  EXPECT_TRUE(std::equal(joined.begin(), joined.end(), expected.begin()));
}

TEST(Random, OtherSeedOtherStream) {
  RandomSource a(7);
  RandomSource b(8);
  EXPECT_NE(filled(a, 32), filled(b, 32));
}

TEST(Random, SystemSeedsDiffer) {
  RandomSource a;
  RandomSource b;
  EXPECT_NE(filled(a, 32), filled(b, 32));
}

TEST(Random, BlocksDoNotRepeat) {
  RandomSource random(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 10000; ++i) seen.insert(random.next());
  EXPECT_EQ(seen.size(), 10000U);
}

TEST(Random, BelowStaysBelowAndReachesEveryValue) {
  RandomSource random(2);
  for (const uint64_t bound : {1U, 2U, 3U, 7U, 100U}) {
    std::set<uint64_t> seen;
    for (uint64_t i = 0; i < bound * 30; ++i) {
      const uint64_t value = random.below(bound);
      EXPECT_LT(value, bound);
      seen.insert(value);
    }
    EXPECT_EQ(seen.size(), bound);
  }
}

TEST(Random, BelowIsEvenForABoundThatDoesNotDivide) {
  // Plain `next() % bound` would give the lower half of the values twice as often.
  const uint64_t bound = (UINT64_MAX / 3) * 2;
  RandomSource random(3);
  int lower = 0;
  for (int i = 0; i < 10000; ++i) lower += random.below(bound) < bound / 2 ? 1 : 0;
  EXPECT_NEAR(lower, 5000, 300);
}

TEST(RandomDeathTest, BelowNothingIsAnError) {
  RandomSource random(4);
  EXPECT_DEATH((void)random.below(0), "CHECK failed");
}

TEST(Random, MovesWithItsPlaceInTheStream) {
  RandomSource a(5);
  RandomSource b(5);
  (void)a.next();
  (void)b.next();
  RandomSource moved = std::move(a);
  EXPECT_EQ(moved.next(), b.next());
}

}  // namespace
}  // namespace turnpike
