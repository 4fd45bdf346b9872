#include "turn/forward_notes.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using testing::endpoint;

const Instant kNow{seconds(1000)};

FiveTuple tuple(uint32_t number) {
  return {Transport::udp, {Ip::v4(0x08000000 + number), 1000}, endpoint("192.0.2.1:3478")};
}

TEST(ForwardNotes, AreFoundUntilTheirDeadline) {
  ForwardNotes notes({1, 2});
  EXPECT_TRUE(notes.put(tuple(1), {7, {}, kNow + seconds(10)}));
  ASSERT_NE(notes.find(tuple(1), kNow), nullptr);
  EXPECT_EQ(notes.find(tuple(1), kNow)->owner, 7U);
  EXPECT_EQ(notes.find(tuple(2), kNow), nullptr);
  EXPECT_EQ(notes.find(tuple(1), kNow + seconds(10)), nullptr);
}

TEST(ForwardNotes, AreFreedByASweep) {
  ForwardNotes notes({1, 2});
  EXPECT_TRUE(notes.put(tuple(1), {7, {}, kNow + seconds(10)}));
  EXPECT_TRUE(notes.put(tuple(2), {7, {}, kNow + seconds(20)}));
  notes.sweep(kNow + seconds(10));
  EXPECT_EQ(notes.size(), 1U);
}

TEST(ForwardNotes, AreCappedButCanBeRenewedAtTheCap) {
  ForwardNotes notes({1, 2});
  for (uint32_t i = 0; i < ForwardNotes::kMax; ++i) {
    ASSERT_TRUE(notes.put(tuple(i), {7, {}, kNow + seconds(10)}));
  }
  EXPECT_FALSE(notes.put(tuple(ForwardNotes::kMax), {7, {}, kNow + seconds(10)}));
  EXPECT_TRUE(notes.put(tuple(5), {7, {}, kNow + seconds(20)}));
}

}  // namespace
}  // namespace turnpike::turn
