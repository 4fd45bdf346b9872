// One allocation (RFC 8656 section 6). Everything it took from the outside is a lease, so that
// destroying it gives all of it back, in whatever order things happen.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/long_term.h"
#include "auth/quota.h"
#include "base/slab.h"
#include "base/time.h"
#include "base/timer_wheel.h"
#include "stun/types.h"
#include "turn/bandwidth.h"
#include "turn/mobility_state.h"
#include "turn/new_peers.h"
#include "turn/permissions.h"
#include "turn/relay_ports.h"
#include "turn/route.h"

namespace turnpike::turn {

struct Traffic {
  uint64_t packets = 0;
  uint64_t bytes = 0;

  void add(size_t size) {
    ++packets;
    bytes += size;
  }
};

// What its owner's worker has booked of an allocation's traffic so far (see UserTraffic).
struct Account {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t slot = kNone;
  Traffic from_client;
  Traffic to_client;
};

// What had been relayed when somebody last looked, so that the next look can tell a rate.
struct TrafficMark {
  Instant at;
  Traffic from_client;
  Traffic to_client;
};

// The timer node is a base so that the wheel's node leads back to its allocation.
struct Allocation : TimerNode {
  // First what a relayed packet looks at, in as few cache lines as it takes.
  ClientRoute route;
  RelayTransport transport = RelayTransport::udp;
  Instant deadline;
  std::unique_ptr<Mobility> mobility;     // nullptr: it stays where it is.
  std::unique_ptr<SessionLimits> limits;  // nullptr: there are none.
  Channels channels;
  Permissions permissions;
  Traffic from_client;
  Traffic to_client;
  // One, or two of different families (ADDITIONAL-ADDRESS-FAMILY).
  std::array<RelayLease, 2> relays;

  SlabHandle handle;
  Instant opened;
  stun::TransactionId made_by{};                 // RFC 8656 section 7.2: to know a retransmission.
  ReservationToken reservation = 0;              // 0: none was made.
  std::optional<stun::ErrorCode> address_error;  // For the family that could not be had.
  IpFamily missing_family = IpFamily::v6;

  auth::Proof proof = auth::Proof::nothing;  // What its owner has shown.
  std::string realm;
  std::string user;
  auth::UserKeys keys;
  std::unique_ptr<const auth::AccessToken> token;  // Of Proof::access_token alone.

  // Where its opening was counted. A session that moves keeps it, so that what is counted as closed
  // was counted as opened.
  Transport counted_as = Transport::udp;
  std::vector<SlabHandle> connections;  // With peers, of a TCP allocation (RFC 6062).

  auth::QuotaLease quota;
  std::unique_ptr<NewPeers> new_peers;  // Made with the first peer, if there is a limit.

  Account account;
  TrafficMark mark;

  // The way to the client at one of its five-tuples; nullptr: it is not one of them.
  [[nodiscard]] const ClientRoute* route_at(const FiveTuple& tuple) const {
    if (mobility && mobility->pending && mobility->pending->tuple == tuple) {
      return &*mobility->pending;
    }
    return route.tuple == tuple && !(mobility && mobility->away) ? &route : nullptr;
  }
  // Whether that link leads to its client. Asked for an allocation that was found by a five-tuple,
  // so where there is none any more it does not matter where the route leads.
  [[nodiscard]] bool has_link(const LinkId& link) const {
    return route.link == link || (mobility && mobility->pending && mobility->pending->link == link);
  }
  // The relayed address of that family; nullptr: there is none.
  [[nodiscard]] const RelayLease* relay_for(IpFamily family) const {
    for (const RelayLease& relay : relays) {
      if (relay && relay.external().ip.family() == family) return &relay;
    }
    return nullptr;
  }
};

static_assert(sizeof(Allocation) <= 1024, "an allocation is meant to stay under 1 KiB");

}  // namespace turnpike::turn
