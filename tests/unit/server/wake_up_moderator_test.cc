#include "server/wake_up_moderator.h"

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

using std::chrono::microseconds;

constexpr Duration kPause = microseconds(200);

class WakeUpModeratorTest : public ::testing::Test {
 protected:
  // Turns of `packets` each that end `apart` from one another, for a tenth of a second; the last
  // answer.
  Duration run(WakeUpModerator& moderator, uint64_t packets, Duration apart, Duration took = {}) {
    Duration pause{};
    for (const Instant end = now_ + milliseconds(100); now_ < end; now_ += apart) {
      total_.packets += packets;
      pause = moderator.pause_after(now_ - took, now_, total_);
    }
    return pause;
  }

  Instant now_{seconds(1000)};
  WakeUpModerator::Arrivals total_;
};

TEST_F(WakeUpModeratorTest, PausesWhereManyTurnsHaveFewPackets) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, 1, microseconds(50)), kPause);
}

TEST_F(WakeUpModeratorTest, LeavesLowRatesAlone) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, 1, microseconds(105)), Duration::zero());
  EXPECT_EQ(run(moderator, 1, microseconds(95)), kPause);
}

// It is the packets that a pause brings that it has to be worth.
TEST_F(WakeUpModeratorTest, LeavesRatesAloneThatAreLowForItsPause) {
  WakeUpModerator with_short(kPause / 2);
  EXPECT_EQ(run(with_short, 1, microseconds(55)), Duration::zero());
  EXPECT_EQ(run(with_short, 1, microseconds(45)), kPause / 2);
  WakeUpModerator with_long(kPause * 2);
  EXPECT_EQ(run(with_long, 1, microseconds(210)), Duration::zero());
  EXPECT_EQ(run(with_long, 1, microseconds(190)), kPause * 2);
}

TEST_F(WakeUpModeratorTest, LeavesFullTurnsAlone) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, WakeUpModerator::kFullTurn, microseconds(200)), Duration::zero());
}

// Twenty of what takes as long as a record of TLS are as much work as many datagrams.
TEST_F(WakeUpModeratorTest, LeavesTurnsAloneThatOtherWorkFills) {
  WakeUpModerator moderator(kPause);
  EXPECT_EQ(run(moderator, 20, milliseconds(1), milliseconds(1)), Duration::zero());
  EXPECT_EQ(run(moderator, 20, milliseconds(1), kPause), kPause);
}

// What is there already need not be waited for, and goes on as soon as nothing is left.
TEST_F(WakeUpModeratorTest, LeavesTurnsAloneThatLeaveSomethingToRead) {
  WakeUpModerator moderator(kPause);
  run(moderator, 1, microseconds(50));
  ++total_.packets;
  ++total_.left;
  EXPECT_EQ(moderator.pause_after(now_, now_, total_), Duration::zero());
  ++total_.packets;
  EXPECT_EQ(moderator.pause_after(now_, now_, total_), kPause);
}

TEST_F(WakeUpModeratorTest, StopsWhenTheRateFalls) {
  WakeUpModerator moderator(kPause);
  run(moderator, 1, microseconds(50));
  EXPECT_EQ(run(moderator, 1, milliseconds(1)), Duration::zero());
}

TEST_F(WakeUpModeratorTest, IsNotMovedByABurstAfterALongSilence) {
  WakeUpModerator moderator(kPause);
  run(moderator, 1, milliseconds(1));
  now_ += seconds(10);
  total_.packets += 30;
  EXPECT_EQ(moderator.pause_after(now_, now_, total_), Duration::zero());
}

TEST_F(WakeUpModeratorTest, NeverPausesWhenTurnedOff) {
  WakeUpModerator moderator(Duration::zero());
  EXPECT_FALSE(moderator.enabled());
  EXPECT_EQ(run(moderator, 1, microseconds(50)), Duration::zero());
}

}  // namespace
}  // namespace turnpike::server
