#include "relay/port_picker.h"

#include <optional>
#include <set>

#include <gtest/gtest.h>

namespace turnpike::relay {
namespace {

using turn::PortNeed;

class PickPort : public ::testing::Test {
 protected:
  // As a caller does it: tries candidates until one is not taken.
  std::optional<uint16_t> pick(PortPicker& picker, PortNeed need) {
    PortPicker::Search search = picker.search(need, random_, now_);
    tries_ = 0;
    while (const std::optional<uint16_t> port = search.next()) {
      ++tries_;
      if (taken_.contains(*port)) {
        search.busy(*port);
      } else if (need == PortNeed::even_and_next && taken_.contains(*port + 1)) {
        search.busy(static_cast<uint16_t>(*port + 1));
      } else {
        return port;
      }
    }
    return {};
  }

  RandomSource random_{11};
  Instant now_{std::chrono::hours(3)};
  std::set<int> taken_;  // What the kernel knows.
  size_t tries_ = 0;
};

TEST_F(PickPort, StaysInTheRangeAndReachesAllOfIt) {
  PortPicker picker(5000, 5009);
  std::set<int> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(*pick(picker, PortNeed::any));
  EXPECT_EQ(seen.size(), 10U);
  EXPECT_EQ(*seen.begin(), 5000);
  EXPECT_EQ(*seen.rbegin(), 5009);
}

TEST_F(PickPort, RangeOfOnePort) {
  PortPicker picker(5001, 5001);
  EXPECT_EQ(pick(picker, PortNeed::any), 5001);
  EXPECT_FALSE(pick(picker, PortNeed::even));
  EXPECT_FALSE(pick(picker, PortNeed::even_and_next));
}

TEST_F(PickPort, HighestPortOfAll) {
  PortPicker picker(65535, 65535);
  EXPECT_EQ(pick(picker, PortNeed::any), 65535);
  EXPECT_FALSE(pick(picker, PortNeed::even));
  EXPECT_FALSE(pick(picker, PortNeed::even_and_next));
}

TEST_F(PickPort, EvenOnesOnlyWhereEvenIsNeeded) {
  PortPicker picker(5001, 5007);
  std::set<int> seen;
  for (int i = 0; i < 300; ++i) seen.insert(*pick(picker, PortNeed::even));
  EXPECT_EQ(seen, (std::set<int>{5002, 5004, 5006}));
}

TEST_F(PickPort, PairNeedsItsUpperHalfInTheRange) {
  PortPicker picker(5000, 5004);
  std::set<int> seen;
  for (int i = 0; i < 300; ++i) seen.insert(*pick(picker, PortNeed::even_and_next));
  EXPECT_EQ(seen, (std::set<int>{5000, 5002}));
}

TEST_F(PickPort, PairIsPassedOverWhenEitherHalfIsTaken) {
  PortPicker picker(5000, 5005);
  taken_ = {5001, 5002};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pick(picker, PortNeed::even_and_next), 5004);
}

TEST_F(PickPort, FindsTheLastFreePort) {
  PortPicker picker(49152, 65535);
  for (int port = 49152; port <= 65535; ++port) taken_.insert(port);
  taken_.erase(60123);
  EXPECT_EQ(pick(picker, PortNeed::any), 60123);
}

TEST_F(PickPort, FullRangeIsWalkedOnceASecondAndCostsLittleInBetween) {
  PortPicker picker(49152, 65535);
  for (int port = 49152; port <= 65535; ++port) taken_.insert(port);
  EXPECT_FALSE(pick(picker, PortNeed::any));
  EXPECT_EQ(tries_, 16384U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(pick(picker, PortNeed::any));
    EXPECT_EQ(tries_, 0U);
  }
}

TEST_F(PickPort, SearchIsBoundedOnceTheFullWalkIsUsed) {
  PortPicker picker(49152, 65535);
  for (int port = 49152; port <= 65535; ++port) taken_.insert(port);
  pick(picker, PortNeed::any);
  // Somebody else's freed ports were taken again before we came.
  for (int port = 49152; port <= 65535; ++port) picker.freed(static_cast<uint16_t>(port));
  EXPECT_FALSE(pick(picker, PortNeed::any));
  EXPECT_EQ(tries_, PortPicker::kMaxTries);
}

TEST_F(PickPort, HealsWithinASecondWhenAnotherWorkerFreesPorts) {
  PortPicker picker(5000, 5099);
  for (int port = 5000; port <= 5099; ++port) taken_.insert(port);
  EXPECT_FALSE(pick(picker, PortNeed::any));
  taken_.erase(5042);
  EXPECT_FALSE(pick(picker, PortNeed::any));
  now_ += PortPicker::kMemory;
  EXPECT_EQ(pick(picker, PortNeed::any), 5042);
}

TEST_F(PickPort, OwnFreedPortIsKnownAtOnce) {
  PortPicker picker(5000, 5099);
  for (int port = 5000; port <= 5099; ++port) taken_.insert(port);
  EXPECT_FALSE(pick(picker, PortNeed::any));
  taken_.erase(5042);
  picker.freed(5042);
  EXPECT_EQ(pick(picker, PortNeed::any), 5042);
}

TEST_F(PickPort, FreedPortOutsideTheRangeIsIgnored) {
  PortPicker picker(5000, 5001);
  picker.freed(4999);
  picker.freed(5002);
  EXPECT_TRUE(pick(picker, PortNeed::any));
}

}  // namespace
}  // namespace turnpike::relay
