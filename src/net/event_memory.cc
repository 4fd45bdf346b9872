#include "net/event_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <event2/event.h>
#include <sys/mman.h>

#include "base/check.h"

namespace turnpike::net {

SlotPool::SlotPool(size_t slots) {
  const size_t size = slots * kSlotSize;
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  begin_ = memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
  end_ = begin_ == nullptr ? nullptr : begin_ + size;
  unused_ = begin_;
}

SlotPool::~SlotPool() {
  if (begin_ != nullptr) ::munmap(begin_, static_cast<size_t>(end_ - begin_));
}

void* SlotPool::take() {
  const std::lock_guard lock(lock_);
  if (free_ != nullptr) {
    void* const slot = free_;
    std::memcpy(&free_, slot, sizeof(free_));
    return slot;
  }
  if (unused_ == end_) return nullptr;
  void* const slot = unused_;
  unused_ += kSlotSize;
  return slot;
}

bool SlotPool::has(const void* slot) const {
  const std::less<const void*> before;
  return !before(slot, begin_) && before(slot, end_);
}

void SlotPool::give_back(void* slot) {
  DCHECK(has(slot));
  const std::lock_guard lock(lock_);
  std::memcpy(slot, &free_, sizeof(free_));
  free_ = slot;
}

namespace {

// More descriptors than a process gets; 16 MiB of address space.
constexpr size_t kEventSlots = size_t{1} << 20;

// Never destroyed: libevent may free something after everything else has ended.
SlotPool& event_slots() {
  static SlotPool* const pool = std::make_unique<SlotPool>(kEventSlots).release();
  return *pool;
}

// libevent's pieces of any size, with malloc's contract.
void* take_event_memory(size_t size) {
  void* const slot = size <= SlotPool::kSlotSize ? event_slots().take() : nullptr;
  return slot != nullptr ? slot : std::malloc(size);
}

void free_event_memory(void* memory) {
  event_slots().has(memory) ? event_slots().give_back(memory) : std::free(memory);
}

void* resize_event_memory(void* memory, size_t size) {
  if (!event_slots().has(memory)) return std::realloc(memory, size);
  void* const larger = take_event_memory(size);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, std::min(size, SlotPool::kSlotSize));
  event_slots().give_back(memory);
  return larger;
}

}  // namespace

void keep_event_slots_together() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  // It looks for leaks and overflows in what malloc gave.
  return;
#endif
#endif
  event_set_mem_functions(take_event_memory, resize_event_memory, free_event_memory);
}

}  // namespace turnpike::net
