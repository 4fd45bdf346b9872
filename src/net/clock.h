// The only place that asks the system what time it is.
#pragma once

#include "base/time.h"

namespace turnpike::net {

Instant monotonic_now();
WallTime wall_now();
Now read_clocks();

}  // namespace turnpike::net
