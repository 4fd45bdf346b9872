#include "turn/allocation_table.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using testing::endpoint;
using testing::FakeAddress;
using testing::ip;

class AllocationTableTest : public ::testing::Test {
 protected:
  AllocationTableTest() {
    space_.set_address(IpFamily::v4, FakeAddress{ip("8.8.4.4"), ip("8.8.4.4")});
  }
  static ClientRoute route(uint16_t port) {
    return {{}, {Transport::udp, {ip("9.9.9.9"), port}, endpoint("8.8.4.4:3478")}};
  }
  Allocation& add(uint16_t port, Instant deadline) {
    Allocation& allocation = table_.create(route(port), deadline);
    allocation.relays[0] = std::move(ports_.open({})->first);
    table_.publish_relays(allocation);
    return allocation;
  }

  testing::FakePortSpace space_;
  testing::FakeRelayPorts ports_{space_};
  RelayDirectory directory_;
  AllocationTable table_{{1, 2}, directory_, 7, kStart};
};

TEST_F(AllocationTableTest, FindsByTupleAndByRelay) {
  Allocation& allocation = add(1, kStart + seconds(600));
  EXPECT_EQ(table_.find(route(1).tuple), &allocation);
  EXPECT_EQ(table_.find(route(2).tuple), nullptr);
  EXPECT_EQ(table_.find(allocation.relays[0].id()), &allocation);
  EXPECT_EQ(directory_.find(allocation.relays[0].external()),
            (RelayOwner{7, allocation.relays[0].id()}));
}

TEST_F(AllocationTableTest, ForgetsEverythingOfWhatIsErased) {
  Allocation& allocation = add(1, kStart + seconds(600));
  const RelayId relay = allocation.relays[0].id();
  const Endpoint external = allocation.relays[0].external();
  table_.erase(allocation);
  EXPECT_EQ(table_.find(route(1).tuple), nullptr);
  EXPECT_EQ(table_.find(relay), nullptr);
  EXPECT_EQ(directory_.find(external), std::nullopt);
  EXPECT_EQ(ports_.open_leases(), 0U);
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(AllocationTableTest, GivesTheLeasesBackWhenItGoes) {
  {
    AllocationTable table({1, 2}, directory_, 0, kStart);
    Allocation& allocation = table.create(route(1), kStart + seconds(600));
    allocation.relays[0] = std::move(ports_.open({})->first);
    table.publish_relays(allocation);
    EXPECT_EQ(ports_.open_leases(), 1U);
  }
  EXPECT_EQ(ports_.open_leases(), 0U);
  EXPECT_EQ(directory_.find(endpoint("8.8.4.4:49152")), std::nullopt);
}

TEST_F(AllocationTableTest, ExpiresWhatIsDueAndNothingElse) {
  add(1, kStart + seconds(10));
  add(2, kStart + seconds(20));
  std::vector<uint16_t> expired;
  const auto note = [&](const Allocation& a) { expired.push_back(a.route.tuple.client.port); };
  table_.advance(kStart + seconds(9), note);
  EXPECT_TRUE(expired.empty());
  table_.advance(kStart + seconds(11), note);
  EXPECT_EQ(expired, std::vector<uint16_t>{1});
  table_.advance(kStart + seconds(21), note);
  EXPECT_EQ(expired, (std::vector<uint16_t>{1, 2}));
}

TEST_F(AllocationTableTest, HoldsDeadlinesBeyondTheWheel) {
  add(1, kStart + std::chrono::hours(10));
  int expired = 0;
  for (Instant now = kStart; now < kStart + std::chrono::hours(10); now += seconds(100)) {
    table_.advance(now, [&](const Allocation&) { ++expired; });
  }
  EXPECT_EQ(expired, 0);
  table_.advance(kStart + std::chrono::hours(10) + seconds(1),
                 [&](const Allocation&) { ++expired; });
  EXPECT_EQ(expired, 1);
}

TEST_F(AllocationTableTest, FollowsADeadlineThatMoved) {
  Allocation& later = add(1, kStart + seconds(10));
  Allocation& sooner = add(2, kStart + seconds(1000));
  later.deadline = kStart + seconds(100);
  sooner.deadline = kStart + seconds(20);
  table_.deadline_shortened(sooner);
  std::vector<uint16_t> expired;
  const auto note = [&](const Allocation& a) { expired.push_back(a.route.tuple.client.port); };
  table_.advance(kStart + seconds(50), note);
  EXPECT_EQ(expired, std::vector<uint16_t>{2});
  table_.advance(kStart + seconds(101), note);
  EXPECT_EQ(expired, (std::vector<uint16_t>{2, 1}));
}

}  // namespace
}  // namespace turnpike::turn
