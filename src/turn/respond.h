// Turns what handlers answer into bytes for the client.
#pragma once

#include "turn/core.h"

namespace turnpike::turn {

using Handler = Outcome (*)(const AuthenticatedRequest&, Core&, stun::MessageBuilder&);

// Runs `handler` and sends its success or its rejection, sealed with the request's credentials.
void respond_authenticated(const AuthenticatedRequest& request, Handler handler, Core& core);

// What became of a Connect (RFC 6062 section 5.2): the CONNECTION-ID, or why there is none.
void answer_connect(const Unanswered& asked, const Result<uint32_t, stun::ErrorCode>& outcome,
                    Core& core, Outbox& out);

// Binding without credentials, under the limit for strangers; and with them.
void respond_binding(const Request& request, Core& core);
void respond_authenticated_binding(const AuthenticatedRequest& request, Core& core);

// An error to somebody who has not shown credentials: unsealed, and limited by source.
void respond_stranger(const Request& request, const Reject& rejection, Core& core);

// 401 or 438 with what the client needs to try again.
void respond_challenge(const Request& request, stun::ErrorCode code, const RealmRules& rules,
                       Core& core);

// Whether a request or indication may carry it, expected or not.
bool is_known(stun::AttributeType type);

// RFC 8489 section 6.3.1: the required attributes that we do not understand.
std::vector<stun::AttributeType> unknown_attributes(const stun::MessageView& message,
                                                    const Core& core);

}  // namespace turnpike::turn
