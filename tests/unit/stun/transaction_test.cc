#include "stun/transaction.h"

#include <vector>

#include <gtest/gtest.h>

namespace turnpike::stun {
namespace {

using Step = RetransmitSchedule::Step;

constexpr Instant kStart = Instant{} + seconds(100);

// Polls at each deadline: after how many milliseconds the request left, and when it was given up.
std::vector<int64_t> schedule_ms(const RetransmitPolicy& policy, Delivery delivery) {
  RetransmitSchedule schedule(policy, delivery, kStart);
  std::vector<int64_t> at = {0};
  for (int i = 0; i < 100; ++i) {
    const Instant now = schedule.deadline();
    at.push_back(std::chrono::duration_cast<milliseconds>(now - kStart).count());
    if (schedule.poll(now) == Step::give_up) return at;
  }
  return at;
}

// RFC 8489 section 6.2.1 gives these numbers for the default values.
TEST(Transaction, FollowsTheScheduleOfTheRfc) {
  EXPECT_EQ(schedule_ms({}, Delivery::unreliable),
            (std::vector<int64_t>{0, 500, 1500, 3500, 7500, 15500, 31500, 39500}));
}

// RFC 8489 section 6.2.2.
TEST(Transaction, SendsOnceOverAReliableTransport) {
  EXPECT_EQ(schedule_ms({}, Delivery::reliable), (std::vector<int64_t>{0, 39500}));
}

TEST(Transaction, FollowsAPolicyOfItsOwn) {
  EXPECT_EQ(
      schedule_ms({.rto = milliseconds(100), .sends = 3, .last_wait = 2}, Delivery::unreliable),
      (std::vector<int64_t>{0, 100, 300, 500}));
  EXPECT_EQ(
      schedule_ms({.rto = milliseconds(100), .sends = 1, .last_wait = 2}, Delivery::unreliable),
      (std::vector<int64_t>{0, 200}));
  EXPECT_EQ(
      schedule_ms({.rto = milliseconds(100), .sends = 0, .last_wait = 2}, Delivery::unreliable),
      (std::vector<int64_t>{0, 200}));
}

TEST(Transaction, WaitsUntilTheDeadline) {
  RetransmitSchedule schedule({}, Delivery::unreliable, kStart);
  EXPECT_EQ(schedule.poll(kStart), Step::wait);
  EXPECT_EQ(schedule.poll(kStart + milliseconds(500) - Duration(1)), Step::wait);
  EXPECT_EQ(schedule.poll(kStart + milliseconds(500)), Step::resend);
}

TEST(Transaction, ResendsOnceAfterALongPause) {
  RetransmitSchedule schedule({}, Delivery::unreliable, kStart);
  const Instant late = kStart + seconds(10);
  EXPECT_EQ(schedule.poll(late), Step::resend);
  EXPECT_EQ(schedule.poll(late), Step::wait);
  EXPECT_EQ(schedule.deadline(), late + seconds(1));
}

TEST(Transaction, GivenUpStaysGivenUp) {
  RetransmitSchedule schedule({.sends = 1}, Delivery::unreliable, kStart);
  EXPECT_EQ(schedule.poll(kStart + seconds(60)), Step::give_up);
  EXPECT_EQ(schedule.poll(kStart + seconds(61)), Step::give_up);
}

TEST(Transaction, OnlyARequestSentOnceTellsTheRoundTrip) {
  RetransmitSchedule schedule({}, Delivery::unreliable, kStart);
  EXPECT_TRUE(schedule.sent_once());
  EXPECT_EQ(schedule.first_sent(), kStart);
  EXPECT_EQ(schedule.poll(schedule.deadline()), Step::resend);
  EXPECT_FALSE(schedule.sent_once());
}

}  // namespace
}  // namespace turnpike::stun
