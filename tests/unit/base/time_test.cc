#include "base/time.h"

#include <type_traits>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

// The two kinds of time must not mix by accident.
static_assert(!std::is_convertible_v<Instant, WallTime>);
static_assert(!std::is_convertible_v<WallTime, Instant>);

TEST(Time, UnixSecondsCountsFromTheEpoch) {
  EXPECT_EQ(unix_seconds(WallTime{}), 0);
  EXPECT_EQ(unix_seconds(WallTime{} + seconds(1'700'000'000)), 1'700'000'000);
}

TEST(Time, UnixSecondsLeavesTheFractionOut) {
  EXPECT_EQ(unix_seconds(WallTime{} + milliseconds(1999)), 1);
}

}  // namespace
}  // namespace turnpike
