// RFC 6062 section 5: TCP connections between relayed addresses and peers. Who may have one, and
// which client's connection becomes part of it; the bytes are the worker's.
#include <algorithm>

#include "stun/attributes.h"
#include "turn/core.h"
#include "turn/respond.h"
#include "turn/server.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;

bool has_connection_to(const Allocation& allocation, const Endpoint& peer, Core& core) {
  return std::any_of(allocation.connections.begin(), allocation.connections.end(),
                     [&](SlabHandle ref) { return core.connections.find(ref)->peer == peer; });
}

bool has_room(const Allocation& allocation, const Core& core) {
  return allocation.connections.size() < core.settings->max_connections;
}

// The peer has begun it, and nobody has bound it.
bool waits_unasked(const Connection& connection) {
  return connection.incoming && connection.state == ConnectionState::pending;
}

// Peers that connect and wait may take half of the places: the others are for the client's own.
bool has_room_for_peer(const Allocation& allocation, Core& core) {
  const auto waiting =
      std::count_if(allocation.connections.begin(), allocation.connections.end(),
                    [&core](SlabHandle ref) { return waits_unasked(*core.connections.find(ref)); });
  return has_room(allocation, core) &&
         static_cast<size_t>(waiting) < (core.settings->max_connections + 1) / 2;
}

Connection& add_connection(Allocation& allocation, const RelayLease& relay,
                           const PeerDecision& peer, Instant now, Core& core) {
  Connection& connection = core.connections.add(relay.id(), peer.peer, peer.reach);
  core.connections.set_deadline(connection, now + kConnectionWait);
  allocation.connections.push_back(connection.ref);
  return connection;
}

// What the relay connects to. Another allocation of ours is reached where it really listens: its
// external form may lie behind a translator that does not let us back in.
Endpoint target_of(const PeerDecision& decision, const Core& core) {
  Endpoint target = decision.peer;
  const RelayDirectory& directory = core.services.directory;
  if (decision.reach == PeerReach::network || !directory.find_tcp(target)) return target;
  target.ip = directory.local_form(target.ip).value_or(target.ip);
  return target;
}

// Answers a Connect that has led to nothing, and forgets the connection everywhere but in its
// allocation's list.
void drop(Connection& connection, Core& core, Outbox& out) {
  if (connection.connect) {
    --core.connecting;
    answer_connect(*connection.connect, unexpected(ErrorCode::connection_timeout_or_failure), core,
                   out);
  } else {
    core.counters.connections_closed.add();
  }
  core.connections.erase(connection);
}

void forget(Connection& connection, Core& core, Outbox& out) {
  if (Allocation* allocation = core.allocations.find(connection.relay)) {
    std::erase(allocation->connections, connection.ref);
  }
  drop(connection, core, out);
}

Traffic& traffic_of(Allocation& allocation, StreamDirection direction) {
  return direction == StreamDirection::from_client ? allocation.from_client : allocation.to_client;
}

// nullptr: there are none.
DirectionLimits* limits_of(Allocation& allocation, StreamDirection direction) {
  if (!allocation.limits) return nullptr;
  return direction == StreamDirection::from_client ? &allocation.limits->from_client
                                                   : &allocation.limits->to_client;
}

CapacityCredit& credit_of(Core& core, StreamDirection direction) {
  return direction == StreamDirection::from_client ? core.credit_from_clients
                                                   : core.credit_to_clients;
}

void send_attempt(const Allocation& allocation, const Connection& connection, Core& core,
                  Outbox& out) {
  constexpr size_t kIndicationMax = 64;
  const ByteSpan room = out.claim(kIndicationMax);
  if (room.empty()) return core.counters.drop_outbox_full.add();
  stun::MessageBuilder indication(room, stun::Method::connection_attempt, stun::Class::indication,
                                  core.services.random.bytes<12>());
  indication.add_u32(AttributeType::connection_id, connection.id);
  indication.add_xor_address(AttributeType::xor_peer_address, connection.peer);
  const ByteView bytes = indication.finish();
  out.give_back(room.size() - bytes.size());
  const ClientRoute& to = allocation.route;
  // A peer must not be able to end a session by knocking on it, so it may be dropped.
  out.to_client.push_back({to.link, to.tuple.client, to.tuple.server.ip, bytes, {}, Precious::no});
}

// RFC 6062 section 5.3: whether this peer may come in, and as whom.
std::optional<PeerDecision> admit(const Allocation& allocation, const Endpoint& peer, Instant now,
                                  Core& core) {
  const RelayDirectory& directory = core.services.directory;
  PeerDecision who{PeerReason::allowed, peer, PeerReach::network};
  const bool is_ours = directory.find_tcp(peer).has_value();
  if (const auto external = directory.external_form(peer.ip)) who.peer.ip = *external;
  const Permission* permission = allocation.permissions.find(who.peer.ip, now);
  if (permission == nullptr) return {};
  // A permission that leads to allocations of ours only lets nobody else at that address in.
  if (permission->reach == PeerReach::own_relay && !is_ours) return {};
  who.reach = permission->reach;
  return who;
}

}  // namespace

// RFC 6062 section 5.2. Like a Send to a channel's peer, it takes no permission: the client itself
// names the peer, and policy judges it.
Outcome handle_connect(const AuthenticatedRequest& request, Core& core, stun::MessageBuilder&) {
  const auto found = allocation_of(request, core);
  if (!found) return unexpected(found.error());
  Allocation& allocation = **found;
  if (allocation.transport != RelayTransport::tcp) return reject(ErrorCode::allocation_mismatch);

  const auto peer_bytes = request.message.find(AttributeType::xor_peer_address);
  if (!peer_bytes) return reject(ErrorCode::bad_request);
  const auto peer = stun::decode_xor_address(*peer_bytes, request.message.transaction_id());
  if (!peer || peer->port == 0) return reject(ErrorCode::bad_request);

  PeerDecision decision = decide_tcp_peer(*peer, allocation, core);
  const RelayLease* relay = allocation.relay_for(decision.peer.ip.family());
  if (relay == nullptr) return reject(ErrorCode::peer_address_family_mismatch);
  if (has_connection_to(allocation, decision.peer, core)) {
    return reject(ErrorCode::connection_already_exists);
  }
  // TCP would connect an address to itself, with nobody at the other end.
  if (decision.peer == relay->external()) decision.reason = PeerReason::own_address;
  if (decision.reason != PeerReason::allowed) return refuse_peer(request, decision, core);
  if (!has_room(allocation, core)) {
    core.counters.connection_cap.add();
    return reject(ErrorCode::insufficient_capacity);
  }
  if (!may_meet(allocation, 1, request.now.mono, core)) {
    return reject(ErrorCode::insufficient_capacity);
  }

  Connection& connection = add_connection(allocation, *relay, decision, request.now.mono, core);
  Unanswered asked{request.from, request.message.transaction_id(), request.message.method(),
                   request.message.has_fingerprint(), std::nullopt};
  if (const auth::Identity* who = request.identity()) asked.who = *who;
  connection.connect = std::make_unique<const Unanswered>(std::move(asked));
  ++core.connecting;
  core.counters.connects_begun.add();
  request.out.effects.emplace_back(
      ConnectPeer{connection.ref, relay->id(), target_of(decision, core)});
  return Done{Answer::later};
}

// RFC 6062 section 5.4.
Outcome handle_connection_bind(const AuthenticatedRequest& request, Core& core,
                               stun::MessageBuilder&) {
  if (!is_stream(request.from.tuple.transport)) return reject(ErrorCode::bad_request);
  // What carries an allocation, here or at another worker, can't become a data connection as well.
  if (core.has_allocation(request.now.mono, request.from)) return reject(ErrorCode::bad_request);
  const auto id_bytes = request.message.find(AttributeType::connection_id);
  const auto id = id_bytes ? stun::decode_u32(*id_bytes) : std::nullopt;
  if (!id) return reject(ErrorCode::bad_request);

  const uint32_t worker = core.connections.worker_of(*id);
  if (worker != core.services.worker) {
    // Only who has shown credentials can make a link move.
    const ByteView packet = request.message.bytes();
    core.counters.links_moved.add();
    request.out.effects.emplace_back(
        MoveLink{request.from.link, worker, {packet.begin(), packet.end()}});
    return Done{Answer::later};
  }
  Connection* connection = core.connections.find_id(*id);
  if (connection == nullptr || connection->state != ConnectionState::pending ||
      connection->deadline <= request.now.mono) {
    return reject(ErrorCode::bad_request);
  }
  const Allocation* allocation = core.allocations.find(connection->relay);
  if (allocation == nullptr || allocation->deadline <= request.now.mono) {
    return reject(ErrorCode::bad_request);
  }
  // A refusal leaves the id as it was, for its owner.
  if (!is_owner(request.identity(), *allocation)) return reject(ErrorCode::wrong_credentials);
  connection->state = ConnectionState::bound;
  core.counters.connections_bound.add();
  request.out.effects.emplace_back(BindLink{connection->ref, request.from.link});
  return Done{};
}

void end_connections(Allocation& allocation, const std::function<bool(Connection&)>& is_over,
                     Core& core, Outbox& out) {
  std::erase_if(allocation.connections, [&](SlabHandle ref) {
    Connection& connection = *core.connections.find(ref);
    if (!is_over(connection)) return false;
    out.effects.emplace_back(ClosePeer{ref});
    drop(connection, core, out);
    return true;
  });
}

void expire_connections(const Now& now, Core& core, Outbox& out) {
  core.connections.expire(now.mono, [&](Connection& connection) {
    if (connection.state == ConnectionState::pending) core.counters.connections_unbound.add();
    out.effects.emplace_back(ClosePeer{connection.ref});
    forget(connection, core, out);
  });
}

void Server::on_peer_connected(const Now& now, ConnectionRef ref, PeerConnect outcome,
                               Outbox& out) noexcept {
  Connection* connection = core_.connections.find(ref);
  if (connection == nullptr || connection->state != ConnectionState::connecting) return;
  // What was another allocation's address when the Connect came may be anybody's by now.
  const bool still_ours = connection->reach != PeerReach::own_relay ||
                          core_.services.directory.find_tcp(connection->peer).has_value();
  if (outcome == PeerConnect::failed || !still_ours) {
    if (outcome == PeerConnect::connected) out.effects.emplace_back(ClosePeer{ref});
    return forget(*connection, core_, out);
  }
  core_.counters.connections_opened.add();
  connection->state = ConnectionState::pending;
  core_.connections.give_id(*connection, core_.services.random);
  core_.connections.set_deadline(*connection, now.mono + kConnectionWait);
  const std::unique_ptr<const Unanswered> asked = std::move(connection->connect);
  --core_.connecting;
  answer_connect(*asked, connection->id, core_, out);
}

std::optional<ConnectionRef> Server::on_peer_accepted(const Now& now, RelayId relay,
                                                      const Endpoint& peer,
                                                      const HasEnded& has_ended,
                                                      Outbox& out) noexcept {
  Allocation* allocation = core_.allocations.find(relay);
  if (allocation == nullptr || allocation->deadline <= now.mono) return {};
  const auto who = admit(*allocation, peer, now.mono, core_);
  if (!who) {
    core_.counters.connections_no_permission.add();
    return {};
  }
  if (!has_room_for_peer(*allocation, core_)) {
    // One that has ended its side may still wait for words of the client, but keeps nobody out.
    const auto gives_way = [&](const Connection& connection) {
      return waits_unasked(connection) && has_ended(connection.ref);
    };
    end_connections(*allocation, gives_way, core_, out);
  }
  if (!has_room_for_peer(*allocation, core_)) {
    core_.counters.connection_cap.add();
    return {};
  }
  const RelayLease* lease = AllocationTable::lease_of(*allocation, relay);
  if (lease == nullptr) return {};
  core_.counters.connections_opened.add();
  Connection& connection = add_connection(*allocation, *lease, *who, now.mono, core_);
  connection.state = ConnectionState::pending;
  connection.incoming = true;
  core_.connections.give_id(connection, core_.services.random);
  send_attempt(*allocation, connection, core_, out);
  return connection.ref;
}

void Server::on_connection_closed(ConnectionRef ref) noexcept {
  Connection* connection = core_.connections.find(ref);
  // While connecting there is nothing to close yet: that is on_peer_connected's to say.
  if (connection == nullptr || connection->connect) return;
  if (Allocation* allocation = core_.allocations.find(connection->relay)) {
    std::erase(allocation->connections, ref);
  }
  core_.counters.connections_closed.add();
  core_.connections.erase(*connection);
}

size_t Server::may_relay(const Now& now, ConnectionRef ref, StreamDirection direction,
                         size_t wanted) noexcept {
  const Connection* connection = core_.connections.find(ref);
  Allocation* allocation =
      connection == nullptr ? nullptr : core_.allocations.find(connection->relay);
  if (allocation == nullptr) return 0;
  size_t most = wanted;
  DirectionLimits* limits = limits_of(*allocation, direction);
  if (limits == nullptr) return most;
  if (limits->bytes) most = std::min<size_t>(most, limits->bytes->available(now.mono));
  CapacityCredit& credit = credit_of(core_, direction);
  if (most == 0 || !credit.is_limited()) return most;
  return credit.available(limits->share, most, now.mono);
}

void Server::on_relayed(const Now& now, ConnectionRef ref, StreamDirection direction, size_t read,
                        size_t payload) noexcept {
  const Connection* connection = core_.connections.find(ref);
  Allocation* allocation =
      connection == nullptr ? nullptr : core_.allocations.find(connection->relay);
  if (allocation == nullptr) return;
  if (DirectionLimits* limits = limits_of(*allocation, direction)) {
    if (limits->bytes) limits->bytes->charge(read, now.mono);
    CapacityCredit& credit = credit_of(core_, direction);
    if (credit.is_limited()) credit.spend(limits->share, read);
  }
  if (payload == 0) return;
  traffic_of(*allocation, direction).add(payload);
  (direction == StreamDirection::from_client ? core_.counters.tcp_to_peer_bytes
                                             : core_.counters.tcp_to_client_bytes)
      .add(payload);
}

}  // namespace turnpike::turn
