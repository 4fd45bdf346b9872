// A histogram with fixed bounds: one writer, any number of readers, no locked instruction.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/counter.h"
#include "base/time.h"

namespace turnpike::metrics {

// Of durations; `Bounds` are the upper ends of the buckets, ascending. The bucket beyond the last
// bound is the histogram's own.
template <const auto& Bounds>
class DurationHistogram {
 public:
  static constexpr size_t kBuckets = std::tuple_size_v<std::remove_cvref_t<decltype(Bounds)>> + 1;

  void add(Duration value) {
    const auto at = std::lower_bound(Bounds.begin(), Bounds.end(), value);
    counts_[static_cast<size_t>(at - Bounds.begin())].add();
    sum_ns_.add(static_cast<uint64_t>(std::max(value, Duration::zero()).count()));
  }

  [[nodiscard]] uint64_t count(size_t bucket) const { return counts_.at(bucket).get(); }
  [[nodiscard]] uint64_t sum_ns() const { return sum_ns_.get(); }

 private:
  std::array<Counter, kBuckets> counts_;
  Counter sum_ns_;
};

}  // namespace turnpike::metrics
