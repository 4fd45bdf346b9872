// The state that all handlers of one worker work on. Owned by Server.
#pragma once

#include <functional>
#include <memory>

#include "auth/key_cache.h"
#include "auth/long_term.h"
#include "auth/mobility_ticket.h"
#include "auth/nonce.h"
#include "auth/quota.h"
#include "base/alternate_server.h"
#include "base/random.h"
#include "turn/allocation_table.h"
#include "turn/bandwidth.h"
#include "turn/connection_table.h"
#include "turn/counters.h"
#include "turn/forward_notes.h"
#include "turn/realms.h"
#include "turn/relay_directory.h"
#include "turn/relay_ports.h"
#include "turn/reply_limiter.h"
#include "turn/request.h"
#include "turn/settings.h"

namespace turnpike::turn {

// What the core is given; all of it outlives the server.
struct Services {
  RelayPorts& ports;
  RelayDirectory& directory;
  auth::QuotaLedger& quota;
  RandomSource& random;
  uint32_t worker = 0;
  // Shared by the workers; nullptr: the core counts by itself.
  ReplyBuckets* error_replies = nullptr;
  ReplyBuckets* binding_replies = nullptr;
  ReplyBuckets* redirected_replies = nullptr;
  ReplyBuckets* connect_backs = nullptr;
  CapacityPool* capacity_from_clients = nullptr;  // nullptr: no limit.
  CapacityPool* capacity_to_clients = nullptr;
  uint32_t workers = 1;  // How many there are; a CONNECTION-ID says which of them has it.
  auth::MobilityKey mobility_key{};  // All workers have the same.
};

// RFC 8656 section 7.2 allows refusing: while draining, or while the external address is unknown.
enum class Admission : uint8_t { open, closed };

struct Core {
  Core(std::shared_ptr<const Settings> s, const Services& sv, const auth::NonceKey& nonce_key,
       Instant start);

  // Whether the client at the other end of that link has one, here or at another worker.
  [[nodiscard]] bool has_allocation(Instant now, const ClientRoute& route) {
    if (allocations.find(route) != nullptr) return true;
    const ForwardNote* note = notes.find(route.tuple, now);
    return note != nullptr && note->link == route.link;
  }

  std::shared_ptr<const Settings> settings;
  Services services;
  Admission admission = Admission::open;
  // Those that answer, as far as is known; nullptr or empty: every client is served here.
  std::shared_ptr<const std::vector<AlternateServer>> alternates;
  std::vector<Endpoint> own_alternates;  // Those of them that lead here.
  uint64_t next_alternate = 0;
  Counters counters;
  auth::KeyCache keys;
  auth::NonceMint mint;
  auth::MobilityTickets tickets;
  Realms realms;
  AllocationTable allocations;
  ConnectionTable connections;
  size_t connecting = 0;  // Of those, how many have a Connect that is not answered yet.
  ForwardNotes notes;
  ReplyLimiter error_limiter;
  ReplyLimiter binding_limiter;
  // Counts where the services have none; made when it is first needed.
  std::unique_ptr<ReplyBuckets> own_redirected_replies;
  std::unique_ptr<ReplyBuckets> own_connect_backs;
  CapacityCredit credit_from_clients;
  CapacityCredit credit_to_clients;
  HashKey peer_hash_key;
  std::shared_ptr<const auth::StoreState> store_state;
};

// What the store says of a user counts more than what it says of his realm, and that more than the
// configuration.
auth::QuotaLimits quota_limits_of(const AuthenticatedRequest&, const Core&);
SessionRates session_rates_of(const Allocation&, const Core&);
// Makes the rates in force those of every session that runs.
void renew_session_rates(Instant now, Core&);

// Whether the session may turn to `count` peers that are new to it.
bool may_meet(Allocation&, uint64_t count, Instant now, Core&);
// Whether it may send to this one, without a channel.
bool may_send_to(Allocation&, const Endpoint& peer, Instant now, Core&);

// The handlers; each file is one section of the RFC. `success` is an empty success response.
Outcome handle_allocate(const AuthenticatedRequest&, Core&, stun::MessageBuilder& success);
Outcome handle_refresh(const AuthenticatedRequest&, Core&, stun::MessageBuilder& success);
Outcome handle_create_permission(const AuthenticatedRequest&, Core&, stun::MessageBuilder& success);
Outcome handle_channel_bind(const AuthenticatedRequest&, Core&, stun::MessageBuilder& success);
Outcome handle_connect(const AuthenticatedRequest&, Core&, stun::MessageBuilder& success);
Outcome handle_connection_bind(const AuthenticatedRequest&, Core&, stun::MessageBuilder& success);
Outcome handle_connect_back(const AuthenticatedRequest&, Core&, stun::MessageBuilder& success);
bool serves_connect_back(const Core&);

// Binding in the form of RFC 3489.
void answer_classic_binding(const Request&, Core&);

// Send indications never get an answer.
void handle_send(const Request&, Core&);

// The data path.
void relay_from_client(const Now&, const ClientRoute&, ByteView packet, Core&, Outbox&);
// `origin` is where the datagram came from: the kernel, or another allocation of ours.
enum class PeerOrigin : uint8_t { network, own_relay };
void relay_from_peer(const Now&, RelayId, const Endpoint& peer, ByteView payload, PeerOrigin origin,
                     Core&, Outbox&);
// Sends to a permitted peer by whichever way it is to be reached.
void send_to_peer(Allocation&, const Endpoint& peer, PeerReach reach, ByteView payload,
                  Fragmenting fragmenting, const Now&, Core&, Outbox&);

// Ends the connections that nobody reached or bound in time.
void expire_connections(const Now&, Core&, Outbox&);
// Passes on what belongs to an allocation that another worker holds; false: it is for this one.
bool forward_data(const Now&, const ClientRoute& from, ByteView packet, Core&, Outbox&);
bool forward_request(const Request&, Core&);

// Whether whoever has passed the gate as `who` (nullptr: without credentials, where none are asked
// for) made the allocation: the same name with the same proof in the same realm.
bool is_owner(const auth::Identity* who, const Allocation&);

// Of the realm of an allocation; our own's when that is gone.
const RealmRules& rules_of(const Allocation&, const Core&);

// What becomes of a peer address that a client names.
struct PeerDecision {
  PeerReason reason = PeerReason::allowed;
  Endpoint peer;  // Our own relay addresses in their external form.
  PeerReach reach = PeerReach::network;
};
PeerDecision decide_peer(const Endpoint& peer, const Allocation&, const Core&);
// The same for peers of a TCP allocation: other allocations' TCP addresses are what is at our own.
PeerDecision decide_tcp_peer(const Endpoint& peer, const Allocation&, const Core&);
// Counts the refusal and reports it.
tl::unexpected<Reject> refuse_peer(const AuthenticatedRequest&, const PeerDecision&, Core&);

// After a change of the peer policy: what it refuses now ends, and is not only refused the next
// time.
void judge_peers_anew(Instant now, Core&, Outbox&);

// Ends connections of an allocation (RFC 6062 section 5.5): those that `is_over` holds for.
void end_connections(Allocation&, const std::function<bool(Connection&)>& is_over, Core&, Outbox&);

// Whom a nonce is good for. A stream's handshake has shown that the client is where it says, and
// RFC 6062 clients use the nonce of their control connection on each data connection, where a
// challenge would cost them a round trip; so over streams the port does not count.
inline Endpoint nonce_holder(const FiveTuple& tuple) {
  return is_stream(tuple.transport) ? Endpoint{tuple.client.ip, 0} : tuple.client;
}

// Counts and reports the end of an allocation, which its owner then destroys.
void report_closed(const Allocation&, CloseReason, Instant now, Core&, Outbox&);
// Ends an allocation and reports it.
void close_allocation(Allocation&, CloseReason, Instant now, Core&, Outbox&);

// RFC 8656 section 5: the allocation that a request is about, or why there is none for it.
Result<Allocation*, Reject> allocation_of(const AuthenticatedRequest&, Core&);

// RFC 8656 sections 7.2 and 8.2: a wish raised to the default and cut to the maximum.
seconds granted_lifetime(std::optional<uint32_t> wanted_s, const Settings&);
// RFC 7635: and to what is left of the request's token.
seconds granted_lifetime(std::optional<uint32_t> wanted_s, const AuthenticatedRequest&,
                         const Core&);

// RFC 7635: a Refresh with another token, from the five-tuple of a session that a token has begun,
// makes that the session's token. Whoever speaks from there has the session's data anyway; a ticket
// (RFC 8016) is another matter, and stays with the token that it was given for.
void renew_token(const AuthenticatedRequest&, Core&);

}  // namespace turnpike::turn
