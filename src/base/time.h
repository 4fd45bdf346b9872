// Time as a value. The clocks named here have no now() on purpose: protocol code is told the time
// (the only callers of the system's clocks are in net/clock).
#pragma once

#include <chrono>
#include <cstdint>

namespace turnpike {

using Duration = std::chrono::nanoseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct MonotonicTime {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = true;
};

struct CalendarTime {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = false;
};

// A point of a clock that never goes back. Its zero means nothing.
using Instant = std::chrono::time_point<MonotonicTime, Duration>;

// Time of day, counted from 1970-01-01 UTC; may jump.
using WallTime = std::chrono::time_point<CalendarTime, Duration>;

// Both clocks read at once: what the core is told when a batch begins.
struct Now {
  Instant mono;
  WallTime wall;
};

inline int64_t unix_seconds(WallTime t) {
  return std::chrono::duration_cast<seconds>(t.time_since_epoch()).count();
}

}  // namespace turnpike
