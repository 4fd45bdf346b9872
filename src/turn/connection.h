// One TCP connection between a relayed address and a peer (RFC 6062), as the core knows it: who it
// is and what became of it. Its bytes never come here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "auth/long_term.h"
#include "base/endpoint.h"
#include "base/slab.h"
#include "base/time.h"
#include "stun/types.h"
#include "turn/permissions.h"
#include "turn/relay_ports.h"
#include "turn/route.h"

namespace turnpike::turn {

// Names a connection within its worker; a stale one finds nothing.
using ConnectionRef = SlabHandle;

// RFC 6062 section 5: `pending` waits for its ConnectionBind, `bound` relays bytes.
enum class ConnectionState : uint8_t { connecting, pending, bound };

// What it takes to answer a request after its own turn: a copy of all that the answer depends on.
struct Unanswered {
  ClientRoute from;
  stun::TransactionId transaction{};
  stun::Method method = stun::Method::connect;
  bool has_fingerprint = false;
  std::optional<auth::Identity> who;
};

struct Connection {
  ConnectionRef ref;
  RelayId relay;
  Endpoint peer;  // One of our own relayed addresses in its external form.
  PeerReach reach = PeerReach::network;
  ConnectionState state = ConnectionState::connecting;
  bool incoming = false;                      // The peer has begun it.
  uint32_t id = 0;                            // CONNECTION-ID, once there is one.
  Instant deadline;                           // Of connecting and of pending.
  std::unique_ptr<const Unanswered> connect;  // The Connect that is not answered yet.
};

enum class StreamDirection : uint8_t { from_client, to_client };

}  // namespace turnpike::turn
