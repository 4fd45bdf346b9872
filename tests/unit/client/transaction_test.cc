#include "stun/transaction.h"

#include <vector>

#include <gtest/gtest.h>

namespace turnpike::stun {
namespace {

constexpr Instant kStart{seconds(50)};
using Step = RetransmitSchedule::Step;

// Milliseconds after the start at which something is due, until it gives up.
std::vector<int64_t> deadlines_of(RetransmitSchedule schedule) {
  std::vector<int64_t> due;
  for (Step step = Step::wait; step != Step::give_up;) {
    const Instant at = schedule.deadline();
    due.push_back(std::chrono::duration_cast<milliseconds>(at - kStart).count());
    step = schedule.poll(at);
  }
  return due;
}

TEST(RetransmitSchedule, FollowsTheExampleOfTheRfc) {
  // RFC 8489 section 6.2.1: sendings at 0, 500, 1500, ... 31,500 ms; the end at 39,500 ms.
  EXPECT_EQ(deadlines_of(RetransmitSchedule({}, Delivery::unreliable, kStart)),
            (std::vector<int64_t>{500, 1500, 3500, 7500, 15500, 31500, 39500}));
}

TEST(RetransmitSchedule, SendsNothingAgainOverReliableTransports) {
  EXPECT_EQ(deadlines_of(RetransmitSchedule({}, Delivery::reliable, kStart)),
            (std::vector<int64_t>{39500}));
}

TEST(RetransmitSchedule, TakesItsNumbersFromThePolicy) {
  const RetransmitPolicy policy{.rto = milliseconds(100), .sends = 3, .last_wait = 4};
  EXPECT_EQ(deadlines_of(RetransmitSchedule(policy, Delivery::unreliable, kStart)),
            (std::vector<int64_t>{100, 300, 700}));
}

TEST(RetransmitSchedule, WaitsUntilTheDeadline) {
  RetransmitSchedule schedule({}, Delivery::unreliable, kStart);
  EXPECT_EQ(schedule.poll(kStart + milliseconds(499)), Step::wait);
  EXPECT_EQ(schedule.poll(kStart + milliseconds(500)), Step::resend);
  EXPECT_EQ(schedule.poll(kStart + milliseconds(500)), Step::wait);
}

TEST(RetransmitSchedule, SendsOnceAfterAPauseThatSwallowedSeveralDeadlines) {
  RetransmitSchedule schedule({}, Delivery::unreliable, kStart);
  EXPECT_EQ(schedule.poll(kStart + seconds(10)), Step::resend);
  EXPECT_EQ(schedule.poll(kStart + seconds(10)), Step::wait);
  EXPECT_EQ(schedule.deadline(), kStart + seconds(11));
}

TEST(RetransmitSchedule, KnowsWhetherTheRoundTripIsUnambiguous) {
  RetransmitSchedule schedule({}, Delivery::unreliable, kStart);
  EXPECT_TRUE(schedule.sent_once());
  EXPECT_EQ(schedule.poll(kStart + seconds(1)), Step::resend);
  EXPECT_FALSE(schedule.sent_once());
  EXPECT_EQ(schedule.first_sent(), kStart);
}

TEST(RetransmitSchedule, StaysGivenUp) {
  RetransmitSchedule schedule({.sends = 1}, Delivery::unreliable, kStart);
  EXPECT_EQ(schedule.poll(kStart + seconds(8)), Step::give_up);
  EXPECT_EQ(schedule.poll(kStart + seconds(9)), Step::give_up);
}

}  // namespace
}  // namespace turnpike::stun
