// Packets of clients whose allocation another worker holds: the side of the worker that has the
// client's link. Whoever is not known to have moved is served here, like everybody.
#include "turn/core.h"
#include "turn/server.h"

namespace turnpike::turn {

using stun::AttributeType;

namespace {

void pass_on(uint32_t owner, const ClientRoute& from, ByteView packet, Core& core, Outbox& out) {
  core.counters.forwarded_to_owner.add();
  out.to_owner.push_back({owner, from, packet});
}

// The worker whose ticket a Refresh carries, when it is another one and the request may be worth
// its time: a stranger learns from us what he needs to authenticate.
std::optional<uint32_t> owner_by_ticket(const Request& request, Core& core) {
  const stun::MessageView& message = request.message;
  const bool may_move =
      core.settings->mobility && message.method() == stun::Method::refresh &&
      (core.settings->auth == AuthMode::none || message.has(AttributeType::message_integrity) ||
       message.has(AttributeType::message_integrity_sha256));
  if (!may_move) return {};
  const auto sealed = message.find(AttributeType::mobility_ticket);
  const auto ticket = sealed ? core.tickets.open(*sealed) : std::nullopt;
  if (!ticket || ticket->worker == core.services.worker) return {};
  const Allocation* present = core.allocations.find(request.from.tuple);
  const bool has_own = present != nullptr && request.now.mono < present->deadline;
  return has_own ? std::nullopt : std::optional(ticket->worker);
}

}  // namespace

bool forward_data(const Now& now, const ClientRoute& from, ByteView packet, Core& core,
                  Outbox& out) {
  if (core.notes.empty() || from.link.is_elsewhere()) return false;
  const ForwardNote* note = core.notes.find(from.tuple, now.mono);
  if (note == nullptr || note->link != from.link) return false;
  pass_on(note->owner, from, packet, core, out);
  return true;
}

bool forward_request(const Request& request, Core& core) {
  const ClientRoute& from = request.from;
  if (from.link.is_elsewhere()) return false;
  // RFC 6062: it is about the connection itself, which is here.
  if (request.message.method() == stun::Method::connection_bind) return false;
  if (forward_data(request.now, from, request.message.bytes(), core, request.out)) return true;
  const auto owner = owner_by_ticket(request, core);
  if (!owner) return false;
  pass_on(*owner, from, request.message.bytes(), core, request.out);
  return true;
}

void Server::on_route_held(const Now& now, uint32_t owner, const ClientRoute& route,
                           Instant deadline, LinkState link, Outbox& out) noexcept {
  const ForwardNote* before = core_.notes.find(route.tuple, now.mono);
  const bool is_taken = core_.allocations.find(route.tuple) != nullptr ||
                        (before != nullptr && before->owner != owner);
  const bool is_there = link == LinkState::open;
  if (is_there && !is_taken && core_.notes.put(route.tuple, {owner, route.link, deadline})) return;
  // The client has left, or has got an allocation here meanwhile, which is the one it keeps.
  out.effects.emplace_back(RouteLost{owner, route});
}

void Server::on_route_released(const Now& now, uint32_t owner, const ClientRoute& route) noexcept {
  const ForwardNote* note = core_.notes.find(route.tuple, now.mono);
  if (note != nullptr && note->owner == owner && note->link == route.link) {
    core_.notes.erase(route.tuple);
  }
}

}  // namespace turnpike::turn
