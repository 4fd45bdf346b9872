// When memory that a peak of sessions took is given back to the system.
//
// What is freed stays with the process: the allocator keeps it for the next session, which is right
// for a load that comes and goes by the minute, and wrong after the one peak of a day. Giving back
// looks at all that is free, so it is done once, some time after a peak has passed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace turnpike::server {

class MemoryReturn {
 public:
  // At least so many sessions fewer than at the peak: a few megabytes.
  static constexpr uint64_t kWorthwhile = 1000;
  // For so long half of the peak, or less.
  static constexpr Duration kQuiet = seconds(10);

  // Called about once a second with the number of sessions. True: now.
  [[nodiscard]] bool is_due(Instant now, uint64_t sessions) {
    peak_ = std::max(peak_, sessions);
    if (sessions > peak_ / 2 || peak_ - sessions < kWorthwhile) {
      low_since_.reset();
      return false;
    }
    if (!low_since_) low_since_ = now;
    if (now - *low_since_ < kQuiet) return false;
    peak_ = sessions;
    low_since_.reset();
    return true;
  }

 private:
  uint64_t peak_ = 0;  // Since memory was last given back.
  std::optional<Instant> low_since_;
};

}  // namespace turnpike::server
