// Where libevent's smallest pieces of memory lie.
//
// libevent keeps 16 bytes for each descriptor that it has ever watched, for as long as the loop
// lives. Among the memory of sessions, which comes and goes with the descriptors, each of them
// would hold a page that could go back to the system after a peak; so they get a place of their
// own.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

namespace turnpike::net {

// Slots of one size, side by side in the order in which they are first taken, and given out again
// once freed. Any thread.
class SlotPool {
 public:
  static constexpr size_t kSlotSize = 16;

  // Address space for that many; memory is used for as many as were ever taken at once.
  explicit SlotPool(size_t slots);
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;
  ~SlotPool();

  // nullptr: all are taken.
  [[nodiscard]] void* take();
  [[nodiscard]] bool has(const void* slot) const;
  // Requires a slot that is taken.
  void give_back(void* slot);

 private:
  std::byte* begin_;  // nullptr: the system had no address space.
  std::byte* end_;
  std::byte* unused_;     // None from here on was ever taken.
  void* free_ = nullptr;  // A list through the slots.
  std::mutex lock_;
};

// From now on libevent keeps such pieces in a pool of this process. Called at most once, by a
// program that has libevent to itself, before anything of libevent's is used.
void keep_event_slots_together();

}  // namespace turnpike::net
