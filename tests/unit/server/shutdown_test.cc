#include "server/shutdown.h"

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

using Verdict = Shutdown::Verdict;

constexpr Instant kStart{seconds(1000)};

TEST(Shutdown, StopsAtOnceWithoutADrainTimeout) {
  Shutdown shutdown;
  EXPECT_EQ(shutdown.on_terminate(kStart, seconds(0)), Verdict::stop);
  EXPECT_FALSE(shutdown.draining());
}

TEST(Shutdown, DrainsUntilNothingIsLeft) {
  Shutdown shutdown;
  EXPECT_EQ(shutdown.on_terminate(kStart, seconds(30)), Verdict::begin_drain);
  EXPECT_TRUE(shutdown.draining());
  EXPECT_EQ(shutdown.look(kStart + seconds(1), 2, 0), Verdict::nothing_new);
  EXPECT_EQ(shutdown.look(kStart + seconds(2), 0, 0), Verdict::stop);
}

TEST(Shutdown, DrainsUntilTheDeadline) {
  Shutdown shutdown;
  shutdown.on_terminate(kStart, seconds(30));
  EXPECT_EQ(shutdown.look(kStart + seconds(29), 2, 0), Verdict::nothing_new);
  EXPECT_EQ(shutdown.look(kStart + seconds(30), 2, 0), Verdict::stop);
}

TEST(Shutdown, StopsAtTheSecondTerminate) {
  Shutdown shutdown;
  shutdown.on_terminate(kStart, seconds(30));
  EXPECT_EQ(shutdown.on_terminate(kStart, seconds(30)), Verdict::stop);
}

TEST(Shutdown, DrainsForEverWhenNobodySaysHowLong) {
  Shutdown shutdown;
  EXPECT_EQ(shutdown.on_drain(kStart, std::nullopt), Verdict::begin_drain);
  EXPECT_EQ(shutdown.look(kStart + std::chrono::hours(1000), 1, 0), Verdict::nothing_new);
}

TEST(Shutdown, TerminateGivesADrainThatHasNoneADeadline) {
  Shutdown shutdown;
  shutdown.on_drain(kStart, std::nullopt);
  EXPECT_EQ(shutdown.on_terminate(kStart, seconds(5)), Verdict::nothing_new);
  EXPECT_EQ(shutdown.look(kStart + seconds(5), 1, 0), Verdict::stop);
}

TEST(Shutdown, TheLatestDeadlineCounts) {
  Shutdown shutdown;
  shutdown.on_drain(kStart, seconds(10));
  shutdown.on_drain(kStart, seconds(100));
  EXPECT_EQ(shutdown.look(kStart + seconds(50), 1, 0), Verdict::nothing_new);
}

TEST(Shutdown, EnoughMayBeMoreThanNone) {
  Shutdown shutdown;
  shutdown.on_drain(kStart, std::nullopt);
  EXPECT_EQ(shutdown.look(kStart, 6, 5), Verdict::nothing_new);
  EXPECT_EQ(shutdown.look(kStart, 5, 5), Verdict::stop);
}

TEST(Shutdown, GoesOnWhenNobodyAskedForTheEnd) {
  EXPECT_EQ(Shutdown().look(kStart, 0, 0), Verdict::nothing_new);
}

}  // namespace
}  // namespace turnpike::server
