#include "net/rx_slab.h"

#include <gtest/gtest.h>

namespace turnpike::net {
namespace {

TEST(RxSlab, KeepsOnlyWhatWasFilled) {
  RxSlab slab(2048, 4);
  const uint8_t* first = slab.slot(RxSlab::kLargeSlot, 0).data();
  EXPECT_EQ(slab.slots_left(RxSlab::kLargeSlot), 4U);
  slab.keep(RxSlab::kLargeSlot, 1, 100);
  EXPECT_EQ(slab.slot(2048, 0).data(), first + 128) << "aligned to a cache line";
}

TEST(RxSlab, SlotsBeforeTheLastAreKeptWhole) {
  RxSlab slab(2048, 4);
  const uint8_t* first = slab.slot(2048, 0).data();
  slab.keep(2048, 3, 10);
  EXPECT_EQ(slab.slot(2048, 0).data(), first + 2 * 2048 + 64);
}

TEST(RxSlab, SaysWhenHalfIsUsed) {
  RxSlab slab(2048, 2);
  EXPECT_FALSE(slab.wants_reset());
  slab.keep(RxSlab::kLargeSlot, 1, RxSlab::kLargeSlot);
  EXPECT_FALSE(slab.wants_reset());
  slab.keep(2048, 1, 1);
  EXPECT_TRUE(slab.wants_reset());
  slab.reset();
  EXPECT_FALSE(slab.wants_reset());
  EXPECT_EQ(slab.slots_left(RxSlab::kLargeSlot), 2U);
}

TEST(RxSlab, FullSlabHasNoSlots) {
  RxSlab slab(2048, 1);
  slab.keep(RxSlab::kLargeSlot, 1, RxSlab::kLargeSlot);
  EXPECT_EQ(slab.slots_left(2048), 0U);
}

}  // namespace
}  // namespace turnpike::net
