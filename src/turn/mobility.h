// RFC 8016: an allocation follows its client to another five-tuple.
//
// A move has two halves. The Refresh that carries the ticket gives the allocation a second
// five-tuple; the first data from there, or the end of the old connection, takes the old one away.
// So an allocation has one five-tuple, or two while it moves, or none after its connection ended
// and before the client shows up somewhere else.
#pragma once

#include "turn/allocation.h"
#include "turn/request.h"

namespace turnpike::turn {

// Section 3.1.2: whether an Allocate asks for a ticket, and whether it may.
Result<bool, Reject> wants_mobility(const AuthenticatedRequest&, const Core&);

// Section 3.2.2: the allocation that a Refresh with a ticket is about. Nothing is changed.
Result<Allocation*, Reject> allocation_by_ticket(const AuthenticatedRequest&, ByteView ticket,
                                                 Core&);
// The client is at the request's five-tuple as well from now on. Requires allocation_by_ticket().
void begin_move(const AuthenticatedRequest&, Allocation&, Core&);
// The newest ticket of an allocation that may move.
void add_ticket(const Allocation&, Core&, stun::MessageBuilder& success);

// Data has come from `from`: if that is the second five-tuple, it is the only one now.
void confirm_move(Allocation&, const FiveTuple& from, Core&, Outbox&);
// The connection of one of its five-tuples has ended. False: with it ends the allocation.
bool survives_link(Allocation&, const ClientRoute& lost, Core&, Outbox&);

// Tells the workers that have links of its routes that the allocation is here, and for how long.
void announce_routes(const Allocation&, const Core&, Outbox&);
// Tells it that it is not, or no longer.
void withdraw_route(const ClientRoute&, const Core&, Outbox&);
// Both of an allocation that ends.
void withdraw_routes(const Allocation&, const Core&, Outbox&);

// The allocation that the ticket of a request names, if it is one of ours; for the gate alone,
// which must know whose credentials to expect.
Allocation* ticket_holder(const stun::MessageView&, Core&);

}  // namespace turnpike::turn
