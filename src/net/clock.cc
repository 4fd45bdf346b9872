#include "net/clock.h"

namespace turnpike::net {

Instant monotonic_now() {
  return Instant(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

WallTime wall_now() {
  return WallTime(
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
}

Now read_clocks() {
  return {.mono = monotonic_now(), .wall = wall_now()};
}

}  // namespace turnpike::net
