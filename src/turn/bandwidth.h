// Bandwidth: how much one session, and the server as a whole, may relay in each direction.
//
// `max-bps` is a token bucket of the session. `bps-capacity` is one bucket for all, from which
// workers borrow in credits. So that many who want more than there is get the same each, workers
// tell every 50 ms how much their sessions wanted, and are told how much one session may have: the
// level at which what there is has been used up. Who wants less than the level gets all of it.
//
// A datagram can't be cut, and may be larger than all that may be saved up. So it passes where
// anything is left, and what was missing is owed.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/time.h"
#include "base/token_bucket.h"

namespace turnpike::turn {

// Whoever may save anything up may save up one datagram of the usual size.
constexpr uint64_t kDatagramSaved = 2048;

// What may be saved up: 200 ms.
constexpr uint64_t rate_burst(uint64_t bytes_per_s) {
  return std::max(bytes_per_s / 5, kDatagramSaved);
}

constexpr Duration kCapacityPeriod = milliseconds(50);
constexpr uint64_t kPeriodsPerSecond = seconds(1) / kCapacityPeriod;
constexpr uint64_t kNoLevel = std::numeric_limits<uint64_t>::max();

// The same on every worker, so that they speak of the same 50 ms.
constexpr uint64_t period_of(Instant now) {
  return static_cast<uint64_t>(now.time_since_epoch() / kCapacityPeriod);
}

// How much each of many sessions wanted in one period, by powers of two.
class Demand {
 public:
  void add(uint64_t bytes) { of(bytes).add(1, bytes); }
  // One that was counted with `before` wants `more`.
  void grow(uint64_t before, uint64_t more) {
    of(before).add(-1, 0 - before);
    of(before + more).add(1, before + more);
  }
  void merge(const Demand& other);
  void clear() { classes_ = {}; }

  // How much each may have so that all together have no more than `supply`, or one byte where even
  // that is too much; kNoLevel when there is enough for everybody.
  [[nodiscard]] uint64_t level(uint64_t supply) const;
  // What they take when each has no more than `level`.
  [[nodiscard]] uint64_t below(uint64_t level) const;

 private:
  struct Class {
    uint64_t sessions = 0;
    uint64_t bytes = 0;

    void add(int64_t count, uint64_t sum) {
      sessions += static_cast<uint64_t>(count);
      bytes += sum;
    }
  };
  // Nobody receives 2^39 bytes in 50 ms.
  static constexpr size_t kClasses = 40;

  Class& of(uint64_t bytes) {
    return classes_[std::min<size_t>(static_cast<size_t>(std::bit_width(bytes)), kClasses - 1)];
  }

  std::array<Class, kClasses> classes_{};
};

// `bps-capacity` for one direction, shared by the workers. It is locked, so workers do not ask per
// packet: they borrow for a while (see CapacityCredit).
class CapacityPool {
 public:
  // 0: no limit.
  CapacityPool(uint64_t bytes_per_s, Instant now)
      : rate_(bytes_per_s), bucket_(bytes_per_s, rate_burst(bytes_per_s), now) {}

  [[nodiscard]] uint64_t rate() const { return rate_.load(std::memory_order_relaxed); }
  // What was saved up under the old rate is not carried over.
  void set_rate(uint64_t bytes_per_s, Instant now) {
    const std::lock_guard lock(mutex_);
    rate_.store(bytes_per_s, std::memory_order_relaxed);
    bucket_ = TokenBucket(bytes_per_s, rate_burst(bytes_per_s), now);
  }
  // As much of `wanted` as there is.
  uint64_t borrow(uint64_t wanted, Instant now);
  void give_back(uint64_t unused);
  // What was used beyond what had been lent.
  void charge(uint64_t owed, Instant now);

  // `demand` is what the worker's sessions wanted in the period `of`; the answer is for `now`.
  uint64_t report(uint32_t worker, uint64_t of, const Demand& demand, uint64_t now);

 private:
  struct Report {
    uint64_t period = 0;
    Demand demand;
  };

  uint64_t supply_for(uint64_t period);

  std::atomic<uint64_t> rate_;
  std::mutex mutex_;
  TokenBucket bucket_;           // Guarded by mutex_.
  std::vector<Report> reports_;  // Guarded by mutex_; index: worker.
  // What may be used in the period that began last; the same for each worker. Guarded by mutex_.
  uint64_t supply_ = 0;
  uint64_t supplied_ = 0;  // That period.
};

// One session's part in one direction.
struct CapacityShare {
  uint64_t period = 0;
  uint64_t wanted = 0;    // In that period.
  int64_t allowance = 0;  // Below zero after a datagram that was larger.
};

// A worker's part of the pool: what it has borrowed and not used, and what it knows of the level.
class CapacityCredit {
 public:
  CapacityCredit(CapacityPool* pool, uint32_t worker) : pool_(pool), worker_(worker) {}

  [[nodiscard]] bool is_limited() const { return pool_ != nullptr && pool_->rate() != 0; }
  // Requires is_limited(). `share` is the session's.
  bool take(CapacityShare& share, uint64_t size, Instant now);

  // For streams, which can wait: as much of `wanted` as could be taken now. Requires is_limited().
  uint64_t available(CapacityShare& share, uint64_t wanted, Instant now);
  // Takes what was available().
  void spend(CapacityShare& share, uint64_t size);

 private:
  void begin_period(uint64_t period, Instant now);
  void enter_period(CapacityShare& share, Instant now);
  void earn(CapacityShare& share, uint64_t periods) const;
  void note_demand(CapacityShare& share, uint64_t size);
  void borrow(uint64_t wanted, Instant now);

  CapacityPool* pool_;
  uint32_t worker_;
  uint64_t period_ = 0;
  Demand demand_;
  uint64_t level_ = kNoLevel;
  uint64_t expected_ = 0;  // What the sessions here will take in a period.
  int64_t credit_ = 0;     // Below zero after a datagram that was larger.
  Instant ask_again_{};
};

// What one session may do in one direction.
struct DirectionLimits {
  std::optional<TokenBucket> bytes;
  std::optional<TokenBucket> packets;
  CapacityShare share;
};

struct SessionLimits {
  DirectionLimits from_client;
  DirectionLimits to_client;
};

struct SessionRates {
  uint64_t bytes_per_s = 0;  // Each direction; 0: no limit.
  uint64_t packets_per_s = 0;

  friend bool operator==(const SessionRates&, const SessionRates&) = default;
};
// Makes these the rates of a session, a new one or one that runs: a bucket that it had keeps what
// is in it. `always`: there are limits even without a rate, since the server's capacity is shared.
void set_session_rates(std::unique_ptr<SessionLimits>& limits, const SessionRates& rates,
                       bool always, Instant now);

}  // namespace turnpike::turn
