#include "turn/mobility.h"

#include "turn/core.h"

namespace turnpike::turn {

using stun::AttributeType;
using stun::ErrorCode;

namespace {

bool is_live(const Allocation* allocation, Instant now) {
  return allocation != nullptr && now < allocation->deadline;
}

// The ticket that was used last, from where it was used: the answer was lost.
bool is_retransmission(const Mobility& mobility, uint32_t serial, const FiveTuple& from,
                       Instant now) {
  return serial == mobility.used_serial && from == mobility.used_at && now < mobility.used_until;
}

void drop_pending(Allocation& allocation, Core& core, Outbox& out) {
  Mobility& mobility = *allocation.mobility;
  if (!mobility.pending) return;
  core.allocations.remove_tuple(allocation, mobility.pending->tuple);
  withdraw_route(*mobility.pending, core, out);
  mobility.pending.reset();
}

// The second five-tuple becomes the only one.
void complete_move(Allocation& allocation, Core& core, Outbox& out) {
  Mobility& mobility = *allocation.mobility;
  const ClientRoute old = allocation.route;
  if (!mobility.away) {
    core.allocations.remove_tuple(allocation, old.tuple);
    withdraw_route(old, core, out);
  }
  allocation.route = *mobility.pending;
  mobility.pending.reset();
  mobility.away = false;
  core.counters.moves.add();
  out.effects.emplace_back(AllocationMoved{old.tuple, allocation.route.tuple, allocation.user});
}

}  // namespace

Result<bool, Reject> wants_mobility(const AuthenticatedRequest& request, const Core& core) {
  const auto ticket = request.message.find(AttributeType::mobility_ticket);
  if (!ticket) return false;
  if (!core.settings->mobility) return reject(ErrorCode::mobility_forbidden);
  if (!ticket->empty()) return reject(ErrorCode::bad_request);
  return true;
}

Result<Allocation*, Reject> allocation_by_ticket(const AuthenticatedRequest& request,
                                                 ByteView sealed, Core& core) {
  if (!core.settings->mobility) return reject(ErrorCode::mobility_forbidden);
  const Instant now = request.now.mono;
  const FiveTuple& from = request.from.tuple;
  Allocation* present = core.allocations.find(from);
  const auto ticket = core.tickets.open(sealed);
  if (!ticket) return reject(ErrorCode::bad_request);
  Allocation* moving = ticket->worker == core.services.worker
                           ? core.allocations.find(SlabHandle{ticket->index, ticket->generation})
                           : nullptr;
  // What another worker holds came here because this five-tuple has an allocation.
  if (!is_live(moving, now)) return reject(ErrorCode::allocation_mismatch);
  if (!is_owner(request.identity(), *moving)) return reject(ErrorCode::wrong_credentials);
  if (!moving->mobility) return reject(ErrorCode::bad_request);
  if (present == moving) {
    if (is_retransmission(*moving->mobility, ticket->serial, from, now)) return moving;
    // Section 3.2.2: the client has not moved.
    return reject(ErrorCode::bad_request);
  }
  if (is_live(present, now)) return reject(ErrorCode::allocation_mismatch);
  if (ticket->serial != moving->mobility->serial) return reject(ErrorCode::bad_request);
  return moving;
}

void begin_move(const AuthenticatedRequest& request, Allocation& allocation, Core& core) {
  Mobility& mobility = *allocation.mobility;
  if (Allocation* present = core.allocations.find(request.from.tuple)) {
    if (present == &allocation) return;  // A retransmission: it has moved already.
    close_allocation(*present, CloseReason::expired, request.now.mono, core, request.out);
  }
  // One second five-tuple at most: a client that moves on leaves none behind.
  drop_pending(allocation, core, request.out);
  core.allocations.add_tuple(allocation, request.from.tuple);
  mobility.pending = request.from;
  mobility.used_serial = mobility.serial++;
  mobility.used_at = request.from.tuple;
  mobility.used_until = request.now.mono + kOldTicketKept;
  // With nothing left of the old way there is nothing to wait for.
  if (mobility.away) complete_move(allocation, core, request.out);
}

void add_ticket(const Allocation& allocation, Core& core, stun::MessageBuilder& success) {
  const auth::MobilityTicket ticket = {core.services.worker, allocation.handle.index,
                                       allocation.handle.generation, allocation.mobility->serial};
  success.add(AttributeType::mobility_ticket, ByteView(core.tickets.seal(ticket)));
}

void confirm_move(Allocation& allocation, const FiveTuple& from, Core& core, Outbox& out) {
  const Mobility* mobility = allocation.mobility.get();
  if (mobility == nullptr || !mobility->pending || mobility->pending->tuple != from) return;
  complete_move(allocation, core, out);
}

bool survives_link(Allocation& allocation, const ClientRoute& lost, Core& core, Outbox& out) {
  if (!allocation.mobility) return false;
  Mobility& mobility = *allocation.mobility;
  if (mobility.pending && mobility.pending->tuple == lost.tuple) {
    drop_pending(allocation, core, out);
  } else if (mobility.pending) {
    complete_move(allocation, core, out);
  } else {
    // Another connection may come from the same address and port: it is not this client until it
    // has shown the ticket.
    core.allocations.remove_tuple(allocation, lost.tuple);
    mobility.away = true;
  }
  return true;
}

void announce_routes(const Allocation& allocation, const Core& core, Outbox& out) {
  const auto announce = [&](const ClientRoute& route) {
    if (!route.link.is_elsewhere()) return;
    out.effects.emplace_back(RouteHeld{core.services.worker, route, allocation.deadline});
  };
  const Mobility* mobility = allocation.mobility.get();
  if (mobility == nullptr || !mobility->away) announce(allocation.route);
  if (mobility != nullptr && mobility->pending) announce(*mobility->pending);
}

void withdraw_route(const ClientRoute& route, const Core& core, Outbox& out) {
  if (!route.link.is_elsewhere()) return;
  out.effects.emplace_back(RouteReleased{core.services.worker, route});
}

void withdraw_routes(const Allocation& allocation, const Core& core, Outbox& out) {
  const Mobility* mobility = allocation.mobility.get();
  if (mobility == nullptr || !mobility->away) withdraw_route(allocation.route, core, out);
  if (mobility != nullptr && mobility->pending) withdraw_route(*mobility->pending, core, out);
}

Allocation* ticket_holder(const stun::MessageView& message, Core& core) {
  if (!core.settings->mobility || message.method() != stun::Method::refresh) return nullptr;
  const auto sealed = message.find(AttributeType::mobility_ticket);
  const auto ticket = sealed ? core.tickets.open(*sealed) : std::nullopt;
  if (!ticket || ticket->worker != core.services.worker) return nullptr;
  return core.allocations.find(SlabHandle{ticket->index, ticket->generation});
}

}  // namespace turnpike::turn
