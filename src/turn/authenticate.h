// The one gate in front of every handler that needs a user.
#pragma once

#include <variant>

#include "turn/core.h"

namespace turnpike::turn {

// The answer needs REALM and NONCE.
struct Challenge {
  stun::ErrorCode code;
  const RealmRules& rules;  // Of the realm that it is for.
};

class Gate {
 public:
  using Passed = std::variant<AuthenticatedRequest, Challenge, Reject, auth::NeedsKey>;

  // RFC 8489 section 9.2.4; RFC 8656 section 5 for what an expired name may still do.
  static Passed pass(const Request& request, Core& core);
};

}  // namespace turnpike::turn
