#include "server/user_traffic.h"

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

const Instant kStart = Instant(seconds(1000));
const auth::QuotaLimits kNoLimits;

class UserTrafficTest : public ::testing::Test {
 protected:
  std::unique_ptr<turn::Allocation> session(std::string_view user, const char* realm = "r") {
    auto allocation = std::make_unique<turn::Allocation>();
    allocation->realm = realm;
    allocation->quota = ledger_.take(realm, user, kNoLimits);
    return allocation;
  }
  void close(uint32_t worker, const turn::Allocation& allocation, Instant now) {
    turn::AllocationClosed closed{};
    closed.realm = allocation.realm;
    closed.quota_user = allocation.quota.user();
    closed.from_client = allocation.from_client;
    closed.to_client = allocation.to_client;
    closed.account = allocation.account;
    traffic_.close(worker, closed, now);
  }
  // A session from beginning to end.
  void run(std::string_view user, size_t size, Instant now) {
    const auto allocation = session(user);
    allocation->from_client.add(size);
    traffic_.book(0, *allocation, now);
    close(0, *allocation, now);
  }
  [[nodiscard]] uint64_t bytes_of(std::string_view user) const {
    for (const UserTraffic::Named& named : traffic_.read().users) {
      if (named.user == user) return named.totals.from_client.bytes;
    }
    return 0;
  }

  auth::QuotaLedger ledger_;
  UserTraffic traffic_{2};
};

TEST_F(UserTrafficTest, IsToldWhileTheSessionLives) {
  const auto allocation = session("ann");
  allocation->from_client.add(100);
  allocation->to_client.add(30);
  traffic_.book(0, *allocation, kStart);
  const auto report = traffic_.read();
  ASSERT_EQ(report.users.size(), 1U);
  EXPECT_EQ(report.users[0].user, "ann");
  EXPECT_EQ(report.users[0].totals.from_client.bytes, 100U);
  EXPECT_EQ(report.users[0].totals.from_client.packets, 1U);
  EXPECT_EQ(report.users[0].totals.to_client.bytes, 30U);
}

TEST_F(UserTrafficTest, IsBookedOnceHoweverOftenItIsLookedAt) {
  const auto allocation = session("ann");
  allocation->from_client.add(100);
  traffic_.book(0, *allocation, kStart);
  traffic_.book(0, *allocation, kStart);
  allocation->from_client.add(1);
  traffic_.book(0, *allocation, kStart);
  close(0, *allocation, kStart);
  EXPECT_EQ(bytes_of("ann"), 101U);
}

TEST_F(UserTrafficTest, AddsUpWhatAUserHasOnAllWorkers) {
  const auto here = session("ann");
  const auto there = session("ann");
  here->from_client.add(1);
  there->from_client.add(10);
  traffic_.book(0, *here, kStart);
  traffic_.book(1, *there, kStart);
  EXPECT_EQ(bytes_of("ann"), 11U);
}

TEST_F(UserTrafficTest, TellsNamesakesOfTwoRealmsApart) {
  const auto one = session("ann", "r");
  const auto other = session("ann", "s");
  one->from_client.add(1);
  other->from_client.add(10);
  traffic_.book(0, *one, kStart);
  close(0, *other, kStart);
  const auto report = traffic_.read();
  ASSERT_EQ(report.users.size(), 2U);
  EXPECT_EQ(report.users[0].realm, "r");
  EXPECT_EQ(report.users[0].totals.from_client.bytes, 1U);
  EXPECT_EQ(report.users[1].realm, "s");
  EXPECT_EQ(report.users[1].totals.from_client.bytes, 10U);
}

TEST_F(UserTrafficTest, KnowsASessionThatWasNeverBooked) {
  const auto allocation = session("ann");
  allocation->from_client.add(7);
  close(1, *allocation, kStart);
  EXPECT_EQ(bytes_of("ann"), 7U);
}

TEST_F(UserTrafficTest, CountsWhoFindsNoPlaceAmongTheOthers) {
  for (uint32_t i = 0; i < UserTraffic::kPlaces + 5; ++i) {
    run("user" + std::to_string(i), 10, kStart);
  }
  const auto report = traffic_.read();
  EXPECT_EQ(report.users.size(), UserTraffic::kPlaces);
  EXPECT_EQ(report.others.from_client.bytes, 50U);
  EXPECT_EQ(report.others.from_client.packets, 5U);
}

TEST_F(UserTrafficTest, GivesThePlaceOfWhoHasLongBeenGoneToAnother) {
  run("old", 10, kStart);
  for (uint32_t i = 1; i < UserTraffic::kPlaces; ++i) {
    run("user" + std::to_string(i), 1, kStart + seconds(1));
  }
  run("early", 100, kStart + UserTraffic::kPlaceKept - seconds(1));
  EXPECT_EQ(bytes_of("early"), 0U);
  run("new", 1000, kStart + UserTraffic::kPlaceKept);
  EXPECT_EQ(bytes_of("new"), 1000U);
  EXPECT_EQ(bytes_of("old"), 0U);
  EXPECT_EQ(traffic_.read().others.from_client.bytes, 110U);
}

TEST_F(UserTrafficTest, NeverTakesThePlaceOfALiveSession) {
  std::vector<std::unique_ptr<turn::Allocation>> live;
  for (uint32_t i = 0; i < UserTraffic::kPlaces; ++i) {
    live.push_back(session("user" + std::to_string(i)));
    traffic_.book(0, *live.back(), kStart);
  }
  run("new", 5, kStart + 10 * UserTraffic::kPlaceKept);
  EXPECT_EQ(bytes_of("new"), 0U);
  EXPECT_EQ(traffic_.read().others.from_client.bytes, 5U);
}

}  // namespace
}  // namespace turnpike::server
