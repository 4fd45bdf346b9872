// What is the same in most tests of the core.
#pragma once

#include <string_view>

#include "base/time.h"

namespace turnpike::turn {

inline constexpr std::string_view kHome = "8.8.8.8:40000";  // The client.
inline constexpr std::string_view kPeer = "9.9.9.9:1000";
inline const Instant kStart{seconds(1000)};

}  // namespace turnpike::turn
