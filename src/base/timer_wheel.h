// A wheel of one-second slots with intrusive nodes: O(1) to file, move and take out.
//
// The wheel only says that a node *may* be due. Its owner compares the real deadline and files the
// node again if it lies ahead, so that extending a deadline is one store and no wheel operation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/check.h"
#include "base/time.h"

namespace turnpike {

class TimerNode {
 public:
  TimerNode() = default;
  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;
  ~TimerNode() { unlink(); }

  [[nodiscard]] bool linked() const { return next_ != nullptr; }

  void unlink() {
    if (!linked()) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  friend class TimerWheel;
  TimerNode* next_ = nullptr;
  TimerNode* prev_ = nullptr;
};

class TimerWheel {
 public:
  static constexpr int64_t kSlots = 4096;

  explicit TimerWheel(Instant start) : tick_(tick_of(start)) {
    for (TimerNode& head : slots_) head.next_ = head.prev_ = &head;
  }
  ~TimerWheel() {
    for (TimerNode& head : slots_) {
      while (head.next_ != &head) head.next_->unlink();
      head.next_ = head.prev_ = nullptr;
    }
  }
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Files `node` to come up at or after `deadline` (within a second), or at the horizon.
  void schedule(TimerNode& node, Instant deadline) {
    node.unlink();
    const int64_t tick = std::clamp(tick_of(deadline) + 1, tick_ + 1, tick_ + kSlots - 1);
    TimerNode& head = slots_[static_cast<size_t>(tick % kSlots)];
    node.prev_ = head.prev_;
    node.next_ = &head;
    head.prev_->next_ = &node;
    head.prev_ = &node;
  }

  // Takes out every node whose slot has come and hands each to `due(TimerNode&)`, which may
  // schedule it again or destroy its owner (and any other owner).
  template <typename Due>
  void advance(Instant now, Due&& due) {
    const int64_t target = tick_of(now);
    while (tick_ < target) {
      // After a long pause one turn of the wheel visits every slot.
      if (target - tick_ > kSlots) tick_ = target - kSlots;
      ++tick_;
      TimerNode& head = slots_[static_cast<size_t>(tick_ % kSlots)];
      // What `due` schedules goes to a later slot, so this ends.
      while (head.next_ != &head) {
        TimerNode& node = *head.next_;
        node.unlink();
        due(node);
      }
    }
  }

 private:
  static int64_t tick_of(Instant t) {
    return std::chrono::floor<seconds>(t.time_since_epoch()).count();
  }

  std::array<TimerNode, kSlots> slots_;
  int64_t tick_;
};

}  // namespace turnpike
