#include "metrics/histogram.h"

#include <gtest/gtest.h>

namespace turnpike::metrics {
namespace {

constexpr std::array<Duration, 2> kBounds = {milliseconds(10), milliseconds(100)};

TEST(DurationHistogram, PutsAValueIntoTheFirstBucketThatHoldsIt) {
  DurationHistogram<kBounds> histogram;
  for (const Duration value : {milliseconds(1), milliseconds(10), milliseconds(11),
                               milliseconds(100), milliseconds(101), milliseconds(5000)}) {
    histogram.add(value);
  }
  EXPECT_EQ(histogram.count(0), 2U);
  EXPECT_EQ(histogram.count(1), 2U);
  EXPECT_EQ(histogram.count(2), 2U);
  EXPECT_EQ(histogram.sum_ns(), 5'223'000'000U);
}

TEST(DurationHistogram, TakesAnIntervalThatRanBackwardsForNone) {
  DurationHistogram<kBounds> histogram;
  histogram.add(-seconds(1));
  EXPECT_EQ(histogram.count(0), 1U);
  EXPECT_EQ(histogram.sum_ns(), 0U);
}

}  // namespace
}  // namespace turnpike::metrics
