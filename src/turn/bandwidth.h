// Bandwidth: how much one session, and the server as a whole, may relay in each direction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "base/time.h"
#include "base/token_bucket.h"

namespace turnpike::turn {

// What may be saved up: 200 ms, but never less than one full datagram.
constexpr uint64_t rate_burst(uint64_t bytes_per_s) {
  constexpr uint64_t kDatagram = 2048;
  return std::max(bytes_per_s / 5, kDatagram);
}

// `max-bps`: one session's two directions.
struct SessionRate {
  SessionRate(uint64_t bytes_per_s, Instant now)
      : from_client(bytes_per_s, rate_burst(bytes_per_s), now),
        to_client(bytes_per_s, rate_burst(bytes_per_s), now) {}

  TokenBucket from_client;
  TokenBucket to_client;
};

// `bps-capacity` for one direction, shared by the workers. It is locked, so workers do not ask per
// packet: they borrow for a while (see CapacityCredit).
class CapacityPool {
 public:
  // 0: no limit.
  CapacityPool(uint64_t bytes_per_s, Instant now)
      : rate_(bytes_per_s), bucket_(bytes_per_s, rate_burst(bytes_per_s), now) {}

  [[nodiscard]] uint64_t rate() const { return rate_; }
  // As much of `wanted` as there is.
  uint64_t borrow(uint64_t wanted, Instant now) {
    const std::lock_guard lock(mutex_);
    const uint64_t lent = std::min(wanted, bucket_.available(now));
    bucket_.take(lent, now);
    return lent;
  }

 private:
  const uint64_t rate_;
  std::mutex mutex_;
  TokenBucket bucket_;  // Guarded by mutex_.
};

// A worker's part of the pool: what it has borrowed and not used.
class CapacityCredit {
 public:
  explicit CapacityCredit(CapacityPool* pool) : pool_(pool) {}

  bool take(uint64_t size, Instant now) {
    if (pool_ == nullptr || pool_->rate() == 0) return true;
    if (credit_ < size && now >= ask_again_) {
      // 10 ms of the whole rate at a time: small, so that what one worker leaves unused is soon
      // another's, and far more than one packet.
      const uint64_t wanted = std::max(size, pool_->rate() / 100);
      credit_ += pool_->borrow(wanted - std::min(credit_, wanted), now);
      ask_again_ = now + milliseconds(1);
    }
    if (credit_ < size) return false;
    credit_ -= size;
    return true;
  }

  // As much of `wanted` as could be taken now.
  uint64_t available(uint64_t wanted, Instant now) {
    if (pool_ == nullptr || pool_->rate() == 0) return wanted;
    if (credit_ < wanted && now >= ask_again_) {
      credit_ += pool_->borrow(wanted - credit_, now);
      ask_again_ = now + milliseconds(1);
    }
    return std::min(credit_, wanted);
  }
  // Takes what was available().
  void spend(uint64_t size) {
    if (pool_ != nullptr && pool_->rate() != 0) credit_ -= std::min(credit_, size);
  }

 private:
  CapacityPool* pool_;
  uint64_t credit_ = 0;
  Instant ask_again_{};
};

}  // namespace turnpike::turn
