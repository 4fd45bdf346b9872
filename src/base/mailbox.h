// A bounded queue with many senders and one receiver, and a doorbell.
#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

namespace turnpike {

template <typename Letter>
class Mailbox {
 public:
  // `ring` is called from the sender's thread when the box was empty; it must be thread-safe.
  Mailbox(size_t capacity, std::function<void()> ring)
      : capacity_(capacity), ring_(std::move(ring)) {}

  // False when the box is full: the letter is left with the sender.
  [[nodiscard]] bool send(Letter&& letter) { return put(std::move(letter), capacity_); }
  // For the few that must arrive, however many others wait.
  void send_in_any_case(Letter&& letter) {
    static_cast<void>(put(std::move(letter), std::numeric_limits<size_t>::max()));
  }

  // Swaps all waiting letters into `out`, which must be empty. Receiver's thread only.
  void take_all(std::vector<Letter>& out) {
    const std::lock_guard lock(mutex_);
    out.swap(letters_);
    waiting_.store(0, std::memory_order_relaxed);
  }

  // Any thread, without a lock.
  [[nodiscard]] size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  bool put(Letter&& letter, size_t capacity) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      if (letters_.size() >= capacity) return false;
      was_empty = letters_.empty();
      letters_.push_back(std::move(letter));
      waiting_.store(letters_.size(), std::memory_order_relaxed);
    }
    if (was_empty) ring_();
    return true;
  }

  const size_t capacity_;
  const std::function<void()> ring_;
  std::mutex mutex_;
  std::vector<Letter> letters_;  // Guarded by mutex_.
  std::atomic<size_t> waiting_{0};
};

}  // namespace turnpike
