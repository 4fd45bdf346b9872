// RFC 6062 section 5.4: the request that makes a client's connection one of raw bytes, and its
// answer.
#pragma once

#include "base/bytes.h"
#include "stun/stream_framer.h"
#include "stun/types.h"
#include "turn/outbox.h"

namespace turnpike::server {

[[nodiscard]] bool is_connection_bind(const stun::Frame& frame);
// Requires a whole STUN header.
[[nodiscard]] stun::TransactionId transaction_of(ByteView message);
// The answer, a success or an error, to the ConnectionBind of that transaction.
[[nodiscard]] bool answers_connection_bind(const turn::ToClient& packet,
                                           const stun::TransactionId& asked);

}  // namespace turnpike::server
