// RFC 8489 section 10 and RFC 8656 section 7.2: whether an Allocate request is for another server.
#pragma once

#include <optional>

#include "turn/request.h"

namespace turnpike::turn {

// The alternate whose turn it is, of those that can serve this client; nothing when the client is
// to be served here.
std::optional<Endpoint> choose_alternate(const Request& request, Core& core);

}  // namespace turnpike::turn
