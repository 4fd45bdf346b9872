// What the core wants done besides sending: plain values, carried out by the worker after the
// batch.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "auth/long_term.h"
#include "base/endpoint.h"
#include "stun/integrity.h"
#include "turn/allocation.h"
#include "turn/connection.h"
#include "turn/peer_policy.h"
#include "turn/route.h"

namespace turnpike::turn {

// A waiting request; the answer goes to Server::on_key.
struct KeyTicket {
  uint32_t index = 0;
  uint32_t generation = 0;
};

struct FetchKey {
  KeyTicket ticket;
  std::string name;  // Empty: by userhash.
  stun::Sha256Mac userhash{};
  std::string realm{};
};

struct AllocationOpened {
  FiveTuple tuple;
  std::string realm;
  std::string user;
  std::vector<Endpoint> relayed;
  Duration waited{};  // For the user store.
};

enum class CloseReason : uint8_t { deleted, expired, link_closed, killed, server_stops };
constexpr size_t kCloseReasons = 5;
std::string_view to_string(CloseReason reason);

struct AllocationClosed {
  FiveTuple tuple;
  std::string realm;
  std::string user;
  std::string quota_user;  // Without the timestamp of a time-limited name.
  CloseReason reason;
  Duration lasted;
  Traffic from_client;
  Traffic to_client;
  Account account;
};

// RFC 8016: it has one five-tuple again, another one than before.
struct AllocationMoved {
  FiveTuple from;
  FiveTuple to;
  std::string user;
};

// Letters between the worker that has a client's link and the one that holds its allocation. The
// first two go to the worker of the route's link: it is, or is no longer, `owner` who serves the
// five-tuple. The last goes to `owner`: the link is gone, or serves something else.
struct RouteHeld {
  uint32_t owner;
  ClientRoute route;
  Instant deadline;
};
struct RouteReleased {
  uint32_t owner;
  ClientRoute route;
};
struct RouteLost {
  uint32_t owner;
  ClientRoute route;
};

struct CredentialsRefused {
  FiveTuple tuple;
  std::string user;  // As the client gave it; empty for a userhash.
  std::string realm = {};
  auth::Fault fault = auth::Fault::wrong_password;
};

struct RequestRefused {
  FiveTuple tuple;
  std::string user;
  stun::Method method;
  stun::ErrorCode code;
};

struct PeerRefused {
  FiveTuple tuple;
  std::string user;
  Endpoint peer;
  PeerReason reason;
};

// RFC 6062. Connect from `relay` to `target`; the answer goes to Server::on_peer_connected.
struct ConnectPeer {
  ConnectionRef connection;
  RelayId relay;
  Endpoint target;
};

// The connection with the peer has to end, and the client's with it when they are bound.
struct ClosePeer {
  ConnectionRef connection;
};

// From now on the client's link carries the bytes of the connection and nothing else.
struct BindLink {
  ConnectionRef connection;
  LinkId link;
};

// The connection that the client wants to bind is another worker's: the link goes there, and the
// request is to be received there as if it had just come.
struct MoveLink {
  LinkId link;
  uint32_t worker = 0;
  std::vector<uint8_t> request;
};

// Connect to `target`, which asked for it, from any port of `source`, and say nothing there.
struct ConnectBack {
  Endpoint target;
  Ip source;
};

using Effect = std::variant<FetchKey, AllocationOpened, AllocationClosed, AllocationMoved,
                            RouteHeld, RouteReleased, RouteLost, CredentialsRefused, RequestRefused,
                            PeerRefused, ConnectPeer, ClosePeer, BindLink, MoveLink, ConnectBack>;

}  // namespace turnpike::turn
