#include "net/clock.h"

#include <ctime>

#include <sys/prctl.h>

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

void pause_thread(Duration time) {
  // The default slack of 50 us would be a good part of the pause.
  thread_local const bool precise = ::prctl(PR_SET_TIMERSLACK, 1) == 0;
  static_cast<void>(precise);
  const auto whole = std::chrono::duration_cast<seconds>(time);
  const timespec wait = {.tv_sec = whole.count(), .tv_nsec = (time - whole).count()};
  static_cast<void>(::clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, nullptr));
}

}  // namespace turnpike::net
