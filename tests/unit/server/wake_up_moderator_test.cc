#include "server/wake_up_moderator.h"

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

constexpr Duration kPause = std::chrono::microseconds(250);

class WakeUpModeratorTest : public ::testing::Test {
 protected:
  // Turns of `packets` each that end `apart` from one another, for a tenth of a second; the last
  // answer.
  Duration run(WakeUpModerator& moderator, uint64_t packets, Duration apart, Duration took = {}) {
    Duration pause{};
    for (const Instant end = now_ + milliseconds(100); now_ < end; now_ += apart) {
      total_ += packets;
      pause = moderator.pause_after(now_ - took, now_, total_);
    }
    return pause;
  }

  Instant now_{seconds(1000)};
  uint64_t total_ = 0;
};

TEST_F(WakeUpModeratorTest, PausesWhereManyTurnsHaveFewPackets) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, 1, std::chrono::microseconds(50)), kPause);
}

TEST_F(WakeUpModeratorTest, LeavesLowRatesAlone) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, 1, std::chrono::microseconds(250)), Duration::zero());
}

TEST_F(WakeUpModeratorTest, LeavesFullTurnsAlone) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, WakeUpModerator::kFullTurn, std::chrono::microseconds(200)),
            Duration::zero());
}

TEST_F(WakeUpModeratorTest, LeavesTurnsAloneThatOtherWorkFills) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, 20, milliseconds(1), milliseconds(1)), Duration::zero());
  EXPECT_EQ(run(moderator, 20, milliseconds(1), kPause), kPause);
}

TEST_F(WakeUpModeratorTest, StopsWhenTheRateFalls) {
  WakeUpModerator moderator(kPause);
  run(moderator, 1, std::chrono::microseconds(50));
  EXPECT_EQ(run(moderator, 1, milliseconds(1)), Duration::zero());
}

TEST_F(WakeUpModeratorTest, IsNotMovedByABurstAfterALongSilence) {
  WakeUpModerator moderator(kPause);
  run(moderator, 1, milliseconds(1));
  now_ += seconds(10);
  total_ += 30;
  EXPECT_EQ(moderator.pause_after(now_, now_, total_), Duration::zero());
}

TEST_F(WakeUpModeratorTest, NeverPausesWhenTurnedOff) {
  WakeUpModerator moderator(Duration::zero());
  EXPECT_FALSE(moderator.enabled());
  EXPECT_EQ(run(moderator, 1, std::chrono::microseconds(50)), Duration::zero());
}

}  // namespace
}  // namespace turnpike::server
