// What an allocation keeps that may move to another five-tuple (RFC 8016); mobility.h moves it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "turn/route.h"

namespace turnpike::turn {

// Section 3.2.2: for how long an old ticket is known again.
constexpr seconds kOldTicketKept{30};

struct Mobility {
  uint32_t serial = 1;  // Of the only ticket that moves the allocation.
  // The ticket used last, and by what: its Refresh may be sent again.
  uint32_t used_serial = 0;
  FiveTuple used_at;
  Instant used_until{};
  std::optional<ClientRoute> pending;  // The second five-tuple.
  bool away = false;                   // There is none: the route is only where it was.
};

}  // namespace turnpike::turn
