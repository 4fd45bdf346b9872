#include "turn/allocation_table.h"

#include <optional>
#include <unordered_map>

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using testing::endpoint;
using testing::FakeAddress;
using testing::ip;

constexpr HashKey kHashKey = {1, 2};

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
  AllocationTable table_{kHashKey, directory_, 7, kStart};
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

TEST_F(AllocationTableTest, IsFoundUnderBothFiveTuplesOfAMove) {
  Allocation& allocation = add(1, kStart + seconds(600));
  allocation.mobility = std::make_unique<Mobility>();
  table_.add_tuple(allocation, route(2).tuple);
  allocation.mobility->pending = route(2);
  EXPECT_EQ(table_.find(route(1).tuple), &allocation);
  EXPECT_EQ(table_.find(route(2).tuple), &allocation);
  EXPECT_EQ(table_.find(route(3).tuple), nullptr);

  table_.remove_tuple(allocation, route(1).tuple);
  allocation.route = *allocation.mobility->pending;
  allocation.mobility->pending.reset();
  EXPECT_EQ(table_.find(route(1).tuple), nullptr);
  EXPECT_EQ(table_.find(route(2).tuple), &allocation);
  Allocation& next = add(1, kStart + seconds(600));
  EXPECT_EQ(table_.find(route(1).tuple), &next);
  table_.erase(allocation);
  EXPECT_EQ(table_.find(route(2).tuple), nullptr);
}

// The table keeps 32 bits of a hash; of some 100,000 five-tuples two have the same.
TEST_F(AllocationTableTest, ATupleWhoseHashLooksTheSameIsAnotherOne) {
  const auto tuple = [](uint32_t number) {
    return FiveTuple{Transport::udp, {Ip::v4(0x09000000 + number), 1000}, endpoint("8.8.4.4:3478")};
  };
  std::unordered_map<uint32_t, uint32_t> seen;
  std::optional<std::pair<uint32_t, uint32_t>> alike;
  for (uint32_t number = 0; !alike; ++number) {
    const auto piece = static_cast<uint32_t>(FiveTupleHash{kHashKey}(tuple(number)));
    const auto [entry, fresh] = seen.emplace(piece, number);
    if (!fresh) alike = {entry->second, number};
  }
  Allocation& first = table_.create({{}, tuple(alike->first)}, kStart + seconds(600));
  EXPECT_EQ(table_.find(tuple(alike->second)), nullptr);
  Allocation& second = table_.create({{}, tuple(alike->second)}, kStart + seconds(600));
  EXPECT_EQ(table_.find(tuple(alike->first)), &first);
  EXPECT_EQ(table_.find(tuple(alike->second)), &second);
  table_.erase(first);
  EXPECT_EQ(table_.find(tuple(alike->first)), nullptr);
  EXPECT_EQ(table_.find(tuple(alike->second)), &second);
}

using AllocationTableDeathTest = AllocationTableTest;

TEST_F(AllocationTableDeathTest, AFiveTupleHasOneAllocation) {
  Allocation& one = add(1, kStart + seconds(600));
  add(2, kStart + seconds(600));
  EXPECT_DEATH(table_.create(route(1), kStart), "CHECK failed");
  EXPECT_DEATH(table_.add_tuple(one, route(2).tuple), "CHECK failed");
  EXPECT_DEATH(table_.remove_tuple(one, route(2).tuple), "CHECK failed");
}

TEST_F(AllocationTableTest, GivesTheLeasesBackWhenItGoes) {
  {
    AllocationTable table(kHashKey, directory_, 0, kStart);
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
