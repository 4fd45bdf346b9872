// How long what a server grants lasts, and how long before its end we ask again.
#pragma once

#include "base/time.h"

namespace turnpike::client {

// RFC 8656 section 9: a permission lasts 300 seconds. The margin holds one whole retransmission
// schedule, so that losing packets for half a minute costs nothing.
constexpr Duration kPermissionRefresh = seconds(300 - 60);
// RFC 8656 section 12: a channel lasts 600 seconds.
constexpr Duration kChannelRefresh = seconds(600 - 60);
// The allocation's margin, where its lifetime is long enough for one.
constexpr Duration kAllocationMargin = seconds(60);

}  // namespace turnpike::client
