// The receive arena of one worker. What is received lies here, is viewed by everyone on the way and
// stays valid until reset(), which the worker calls after its flush.
#pragma once

#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "base/check.h"

namespace turnpike::net {

// The kernel needs room for the longest message before it says how long one is, so room is handed
// out in slots and only what was filled is kept: many small receives in one turn sit close
// together.
class RxSlab {
 public:
  // Holds any message of the kernel's, joined or not. Not a power of two: slots that are 64 KiB
  // apart would all fall into the same few cache sets.
  static constexpr size_t kLargeSlot = 65536 + 192;
  static constexpr size_t kLargeSlots = 64;

  // `small_slot`: the longest datagram taken from a socket on which the kernel does not join them.
  explicit RxSlab(size_t small_slot = 9216, size_t large_slots = kLargeSlots)
      : small_slot_(round_up(small_slot)),
        size_(large_slots * kLargeSlot),
        memory_(std::make_unique_for_overwrite<uint8_t[]>(size_)) {}

  [[nodiscard]] size_t small_slot() const { return small_slot_; }

  [[nodiscard]] size_t slots_left(size_t slot_size) const { return (size_ - used_) / slot_size; }
  // Slot `index` of those left. Contents undefined.
  [[nodiscard]] ByteSpan slot(size_t slot_size, size_t index) {
    DCHECK(index < slots_left(slot_size));
    return {memory_.get() + used_ + index * slot_size, slot_size};
  }
  // Keeps the first `count` slots, of which the last holds `last_size` bytes.
  void keep(size_t slot_size, size_t count, size_t last_size) {
    if (count == 0) return;
    used_ += (count - 1) * slot_size + round_up(last_size);
    DCHECK(used_ <= size_);
  }

  // Less than half is left: time to flush and reset, for the sake of long receive batches.
  [[nodiscard]] bool wants_reset() const { return used_ > size_ / 2; }
  // Ends the life of everything received.
  void reset() { used_ = 0; }

 private:
  static constexpr size_t round_up(size_t size) { return (size + 63) & ~size_t{63}; }

  size_t small_slot_;
  size_t size_;
  size_t used_ = 0;
  std::unique_ptr<uint8_t[]> memory_;
};

}  // namespace turnpike::net
