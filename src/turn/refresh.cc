// RFC 8656 section 8.2.
#include "stun/attributes.h"
#include "turn/core.h"
#include "turn/mobility.h"

namespace turnpike::turn {

using stun::AttributeType;
using stun::ErrorCode;

namespace {

// Section 8.1: the family that the request is about; nothing when it is about all of them.
Result<std::optional<IpFamily>, Reject> wanted_family(const AuthenticatedRequest& request,
                                                      const Allocation& allocation) {
  const auto bytes = request.message.find(AttributeType::requested_address_family);
  if (!bytes) return std::optional<IpFamily>();
  const auto value = stun::decode_address_family(*bytes);
  if (!value) return reject(ErrorCode::bad_request);
  const auto family = static_cast<stun::AddressFamily>(*value);
  const bool known = family == stun::AddressFamily::ipv4 || family == stun::AddressFamily::ipv6;
  const IpFamily wanted = family == stun::AddressFamily::ipv6 ? IpFamily::v6 : IpFamily::v4;
  if (!known || allocation.relay_for(wanted) == nullptr) {
    return reject(ErrorCode::peer_address_family_mismatch);
  }
  return std::optional<IpFamily>(wanted);
}

// What is given back is free before the answer leaves.
void delete_now(const AuthenticatedRequest& request, Allocation& allocation,
                std::optional<IpFamily> family, Core& core) {
  const bool has_both = allocation.relay_for(IpFamily::v4) != nullptr &&
                        allocation.relay_for(IpFamily::v6) != nullptr;
  if (family && has_both) {
    end_connections(
        allocation,
        [&](const Connection& connection) { return connection.peer.ip.family() == *family; }, core,
        request.out);
    return core.allocations.release_relay(allocation, *family);
  }
  close_allocation(allocation, CloseReason::deleted, request.now.mono, core, request.out);
}

}  // namespace

Outcome handle_refresh(const AuthenticatedRequest& request, Core& core,
                       stun::MessageBuilder& success) {
  const auto ticket = request.message.find(AttributeType::mobility_ticket);
  if (!ticket) renew_token(request, core);
  const auto found =
      ticket ? allocation_by_ticket(request, *ticket, core) : allocation_of(request, core);
  if (!found) return unexpected(found.error());
  Allocation& allocation = **found;

  const auto family = wanted_family(request, allocation);
  if (!family) return unexpected(family.error());

  std::optional<uint32_t> wanted_s;
  if (const auto bytes = request.message.find(AttributeType::lifetime)) {
    wanted_s = stun::decode_u32(*bytes);
    if (!wanted_s) return reject(ErrorCode::bad_request);
  }
  if (wanted_s == 0U) {
    delete_now(request, allocation, *family, core);
    success.add_u32(AttributeType::lifetime, 0);
    return Done{};
  }
  // Deviation: both addresses of a dual allocation share one deadline, so refreshing either keeps
  // both. A client that wants to lose one deletes it.
  const seconds lifetime = granted_lifetime(wanted_s, request, core);
  const bool shorter = request.now.mono + lifetime < allocation.deadline;
  allocation.deadline = request.now.mono + lifetime;
  if (shorter) core.allocations.deadline_shortened(allocation);
  success.add_u32(AttributeType::lifetime, static_cast<uint32_t>(lifetime.count()));
  if (ticket) {
    begin_move(request, allocation, core);
    add_ticket(allocation, core, success);
  }
  return Done{};
}

}  // namespace turnpike::turn
