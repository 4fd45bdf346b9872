#include "turn/server.h"

#include <algorithm>

#include "base/check.h"
#include "stun/builder.h"
#include "stun/connect_back.h"
#include "stun/demux.h"
#include "turn/authenticate.h"
#include "turn/mobility.h"
#include "turn/respond.h"

namespace turnpike::turn {
namespace {

using stun::Class;
using stun::Method;

constexpr uint32_t kTicksPerSweep = 60;

// nullptr: we do not know the method, or do not serve it. Binding is answered in its own way.
Handler handler_for(Method method, const Core& core) {
  if (method == stun::kConnectBackMethod) {
    return serves_connect_back(core) ? handle_connect_back : nullptr;
  }
  switch (method) {
    case Method::allocate:
      return handle_allocate;
    case Method::refresh:
      return handle_refresh;
    case Method::create_permission:
      return handle_create_permission;
    case Method::channel_bind:
      return handle_channel_bind;
    case Method::connect:
      return handle_connect;
    case Method::connection_bind:
      return handle_connection_bind;
    case Method::binding:
    case Method::send:
    case Method::data:
    case Method::connection_attempt:
      break;
  }
  return nullptr;
}

bool have_same_limits(const auth::RealmState& a, const auth::RealmState& b) {
  return a.limits == b.limits && a.user_limits == b.user_limits;
}

bool have_same_limits(const auth::StoreState& a, const auth::StoreState& b) {
  return have_same_limits(static_cast<const auth::RealmState&>(a), b) &&
         std::equal(a.other_realms.begin(), a.other_realms.end(), b.other_realms.begin(),
                    b.other_realms.end(), [](const auto& one, const auto& other) {
                      return one.first == other.first && have_same_limits(one.second, other.second);
                    });
}

}  // namespace

Server::Server(std::shared_ptr<const Settings> settings, const Services& services,
               const auth::NonceKey& nonce_key, Instant start)
    : core_(std::move(settings), services, nonce_key, start) {
  update_policy();
}

void Server::update_policy() {
  core_.realms.renew(*core_.settings, *core_.store_state);
  core_.keys.clear();
}

void Server::use_settings(std::shared_ptr<const Settings> settings, Instant now,
                          Outbox& out) noexcept {
  core_.settings = std::move(settings);
  core_.mint.set_lifetime(core_.settings->nonce_lifetime);
  core_.error_limiter.set_limit(core_.settings->error_limit);
  core_.binding_limiter.set_limit(core_.settings->binding_limit);
  update_policy();
  renew_session_rates(now, core_);
  judge_peers_anew(now, core_, out);
}

void Server::use_store_state(std::shared_ptr<const auth::StoreState> state, Instant now) {
  const auto before = std::exchange(core_.store_state, std::move(state));
  update_policy();
  // A change of users is more frequent than one of limits, and sessions may be many.
  if (!have_same_limits(*before, *core_.store_state)) renew_session_rates(now, core_);
}

void Server::on_client_packet(const Now& now, const ClientRoute& from, ByteView packet,
                              Outbox& out) noexcept {
  if (from.link.is_elsewhere()) {
    core_.counters.forwarded_from_links.add();
  } else {
    Breakdown& by = core_.counters.by;
    by.client_packets[from.tuple.transport].add();
    by.client_bytes[from.tuple.transport].add(packet.size());
  }
  receive(now, from, packet, {}, out);
}

void Server::receive(const Now& now, const ClientRoute& from, ByteView packet, const Wait& wait,
                     Outbox& out) {
  switch (stun::classify_datagram(packet)) {
    case stun::PacketKind::channel_data:
      return relay_from_client(now, from, packet, core_, out);
    case stun::PacketKind::stun:
      return receive_stun(now, from, packet, wait, out);
    case stun::PacketKind::dtls:
    case stun::PacketKind::junk:
      break;
  }
  core_.counters.drop_malformed.add();
}

void Server::receive_stun(const Now& now, const ClientRoute& from, ByteView packet,
                          const Wait& wait, Outbox& out) {
  const auto message = stun::MessageView::parse(packet);
  if (!message) {
    if (message.error() != stun::ParseError::no_cookie) return core_.counters.drop_malformed.add();
    const auto classic = stun::MessageView::parse_classic(packet);
    const bool served = core_.settings->classic_stun && core_.settings->serve_binding && classic &&
                        classic->method() == Method::binding &&
                        classic->message_class() == Class::request;
    if (!served) return core_.counters.drop_classic_stun.add();
    return answer_classic_binding({now, from, *classic, out, {}}, core_);
  }
  const Request request = {now, from, *message, out, wait.lasted};
  switch (message->message_class()) {
    case Class::request:
      return on_request(request, wait.patience);
    case Class::indication:
      if (message->method() == Method::send && core_.settings->serve_turn) {
        return handle_send(request, core_);
      }
      break;
    // RFC 8489 section 6.3: a server has no transaction that these could belong to.
    case Class::success:
    case Class::error:
      break;
  }
  core_.counters.drop_not_for_servers.add();
}

void Server::on_request(const Request& request, Patience patience) {
  const Method method = request.message.method();
  const Settings& settings = *core_.settings;
  const bool is_binding = method == Method::binding;
  // ConnectBack belongs to the questions about NATs, as Binding does.
  const bool served = is_binding                           ? settings.serve_binding
                      : method == stun::kConnectBackMethod ? true
                                                           : settings.serve_turn;
  const bool known = is_binding || handler_for(method, core_) != nullptr;
  if (!known || !served) return core_.counters.drop_unknown_method.add();
  // One that comes back from waiting has been counted.
  if (patience == Patience::may_wait) {
    (is_binding ? core_.counters.binding_requests : core_.counters.requests).add();
    core_.counters.by.requests.add(method);
  }
  if (is_binding && !settings.authenticate_binding) return respond_binding(request, core_);
  if (!is_binding && forward_request(request, core_)) return;
  on_credentialed(request, patience);
}

void Server::on_credentialed(const Request& request, Patience patience) {
  auto passed = Gate::pass(request, core_);
  if (auto* needed = std::get_if<auth::NeedsKey>(&passed)) {
    return park(request, std::move(*needed), patience);
  }
  if (const auto* challenge = std::get_if<Challenge>(&passed)) {
    return respond_challenge(request, challenge->code, challenge->rules, core_);
  }
  if (const auto* rejection = std::get_if<Reject>(&passed)) {
    return respond_stranger(request, *rejection, core_);
  }
  const auto* authenticated = std::get_if<AuthenticatedRequest>(&passed);
  CHECK(authenticated != nullptr);
  const Method method = request.message.method();
  if (method == Method::binding) return respond_authenticated_binding(*authenticated, core_);
  respond_authenticated(*authenticated, handler_for(method, core_), core_);
}

void Server::park(const Request& request, auth::NeedsKey needed, Patience patience) {
  if (patience == Patience::has_waited) return core_.counters.drop_parked_late.add();
  const ByteView packet = request.message.bytes();
  if (parked_.size() >= kMaxParkedRequests || packet.size() > kMaxParkedSize) {
    return core_.counters.drop_parked_full.add();
  }
  const SlabHandle handle = parked_.emplace(Parked{
      request.from, {packet.begin(), packet.end()}, std::move(needed.cache_key), request.now.mono});
  request.out.effects.emplace_back(FetchKey{{handle.index, handle.generation},
                                            std::move(needed.name),
                                            needed.userhash,
                                            std::move(needed.realm)});
}

void Server::on_key(const Now& now, KeyTicket ticket, auth::KeyCache::Answer answer,
                    Outbox& out) noexcept {
  const SlabHandle handle = {ticket.index, ticket.generation};
  Parked* waiting = parked_.find(handle);
  if (waiting == nullptr) return;
  const Parked parked = std::move(*waiting);
  parked_.erase(handle);
  core_.keys.put(parked.cache_key, std::move(answer), now.mono);
  // It may be passed on to another worker: what the outbox shows must be there after this call.
  const ByteSpan packet = out.claim(parked.packet.size());
  if (packet.empty()) return core_.counters.drop_parked_full.add();
  std::ranges::copy(parked.packet, packet.begin());
  receive(now, parked.from, packet, {Patience::has_waited, now.mono - parked.since}, out);
}

void Server::on_peer_packet(const Now& now, RelayId relay, const Endpoint& peer, ByteView payload,
                            Outbox& out) noexcept {
  core_.counters.peer_packets.add();
  core_.counters.peer_bytes.add(payload.size());
  relay_from_peer(now, relay, peer, payload, PeerOrigin::network, core_, out);
}

void Server::on_handed_over(const Now& now, RelayId relay, const Endpoint& source, ByteView payload,
                            Outbox& out) noexcept {
  relay_from_peer(now, relay, source, payload, PeerOrigin::own_relay, core_, out);
}

void Server::on_peer_error(const Now& now, RelayId relay, const Endpoint& peer,
                           const IcmpError& error, Outbox& out) noexcept {
  // RFC 8656 section 11.5: only these types, and only about permitted peers.
  const bool relevant =
      peer.ip.is_v4() ? error.type == 3 || error.type == 11 : error.type >= 1 && error.type <= 3;
  const Allocation* allocation = core_.allocations.find(relay);
  const bool permitted = relevant && allocation != nullptr && now.mono < allocation->deadline &&
                         allocation->permissions.find(peer.ip, now.mono) != nullptr &&
                         !(allocation->mobility && allocation->mobility->away);
  if (!permitted) return core_.counters.drop_icmp.add();

  constexpr size_t kIndicationMax = 80;
  const ByteSpan room = out.claim(kIndicationMax);
  if (room.empty()) return core_.counters.drop_outbox_full.add();
  stun::MessageBuilder indication(room, Method::data, Class::indication,
                                  core_.services.random.bytes<12>());
  indication.add_xor_address(stun::AttributeType::xor_peer_address, peer);
  // RFC 8656 section 18.13: error data is the MTU, for the two errors that carry one.
  const bool too_big = peer.ip.is_v4() ? error.type == 3 && error.code == 4 : error.type == 2;
  indication.add_icmp({error.type, error.code, too_big ? error.mtu : 0});
  core_.counters.icmp_to_client.add();
  const ClientRoute& to = allocation->route;
  const ByteView bytes = indication.finish();
  out.give_back(room.size() - bytes.size());
  out.to_client.push_back({to.link, to.tuple.client, to.tuple.server.ip, bytes, {}, Precious::no});
}

void Server::on_link_released(LinkId link) noexcept {
  if (parked_.size() == 0) return;
  std::vector<SlabHandle> orphans;
  parked_.for_each([&](SlabHandle handle, const Parked& parked) {
    if (parked.from.link == link) orphans.push_back(handle);
  });
  for (const SlabHandle handle : orphans) {
    core_.counters.drop_parked_late.add();
    parked_.erase(handle);
  }
}

void Server::on_link_closed(const Now& now, const ClientRoute& route, Outbox& out) noexcept {
  // An Allocate among them would open what nobody is there to close.
  on_link_released(route.link);
  const ForwardNote* note = core_.notes.find(route.tuple, now.mono);
  if (note != nullptr && note->link == route.link) {
    out.effects.emplace_back(RouteLost{note->owner, route});
    core_.notes.erase(route.tuple);
    return;
  }
  Allocation* allocation = core_.allocations.find(route.tuple);
  const ClientRoute* lost = allocation != nullptr ? allocation->route_at(route.tuple) : nullptr;
  if (lost == nullptr || lost->link != route.link) return;
  if (survives_link(*allocation, route, core_, out)) return;
  close_allocation(*allocation, CloseReason::link_closed, now.mono, core_, out);
}

void Server::on_tick(const Now& now, Outbox& out) noexcept {
  expire_connections(now, core_, out);
  core_.allocations.advance(now.mono, [&](Allocation& allocation) {
    end_connections(
        allocation, [](const Connection&) { return true; }, core_, out);
    report_closed(allocation, CloseReason::expired, now.mono, core_, out);
    withdraw_routes(allocation, core_, out);
  });
  if (++ticks_since_sweep_ >= kTicksPerSweep) {
    ticks_since_sweep_ = 0;
    core_.notes.sweep(now.mono);
  }
  std::vector<SlabHandle> late;
  parked_.for_each([&](SlabHandle handle, const Parked& parked) {
    if (parked.since + kParkedLifetime <= now.mono) late.push_back(handle);
  });
  for (const SlabHandle handle : late) {
    core_.counters.drop_parked_late.add();
    parked_.erase(handle);
  }
}

size_t Server::kill(const Now& now, std::string_view user, CloseReason reason, Outbox& out) {
  return kill_if(
      now, [user](const Allocation& allocation) { return user.empty() || allocation.user == user; },
      reason, out);
}

}  // namespace turnpike::turn
