// What has passed somewhere, held against a rate: in no window of time more than the rate and a
// burst. It is kept in real numbers and by itself, so that it shares no code with the core.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace turnpike::sim {

class RateBook {
 public:
  // 0: anything may pass.
  RateBook(uint64_t bytes_per_s, uint64_t burst)
      : rate_(static_cast<double>(bytes_per_s)), burst_(static_cast<double>(burst)) {}

  // Whether this may pass now. What begins within the burst may end outside of it.
  bool note(size_t size, Instant now) {
    if (rate_ == 0) return true;
    const double elapsed_s = std::chrono::duration<double>(now - noted_).count();
    above_ = std::max(0.0, above_ - elapsed_s * rate_);
    noted_ = now;
    const bool in_time = above_ < burst_ + 1;
    above_ += static_cast<double>(size);
    return in_time;
  }

 private:
  double rate_;
  double burst_;
  double above_ = 0;
  Instant noted_{};
};

}  // namespace turnpike::sim
