// Spreads events evenly over time, as fast as asked for and not faster.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "base/time.h"

namespace turnpike::cli {

class Pacer {
 public:
  // Requires period > 0.
  Pacer(Instant first, Duration period) : next_(first), period_(period) {
    CHECK(period.count() > 0);
  }

  [[nodiscard]] Instant next() const { return next_; }

  // How many events are due at `now`, at most `limit`. What lies further back than that is given
  // up: a generator that fell behind must not make up for it with a burst that nobody asked for.
  uint64_t due(Instant now, uint64_t limit) {
    if (now < next_) return 0;
    const auto count = static_cast<uint64_t>((now - next_) / period_) + 1;
    next_ += period_ * static_cast<int64_t>(count);
    missed_ += count - std::min(count, limit);
    return std::min(count, limit);
  }
  [[nodiscard]] uint64_t missed() const { return missed_; }

 private:
  Instant next_;
  Duration period_;
  uint64_t missed_ = 0;
};

}  // namespace turnpike::cli
