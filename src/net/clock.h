// The only place that asks the system what time it is.
#pragma once

#include "base/time.h"

namespace turnpike::net {

Instant monotonic_now();
WallTime wall_now();
Now read_clocks();

// Stops the calling thread for so long, and hardly longer: the first call on a thread asks the
// kernel for that.
void pause_thread(Duration time);

}  // namespace turnpike::net
