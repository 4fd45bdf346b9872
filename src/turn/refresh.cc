// RFC 8656 section 8.2.
#include "stun/attributes.h"
#include "turn/core.h"

namespace turnpike::turn {

using stun::AttributeType;
using stun::ErrorCode;

Outcome handle_refresh(const AuthenticatedRequest& request, Core& core,
                       stun::MessageBuilder& success) {
  const auto found = allocation_of(request, core);
  if (!found) return unexpected(found.error());
  Allocation& allocation = **found;

  if (const auto bytes = request.message.find(AttributeType::requested_address_family)) {
    const auto value = stun::decode_address_family(*bytes);
    if (!value) return reject(ErrorCode::bad_request);
    const auto family = static_cast<stun::AddressFamily>(*value);
    const bool known =
        family == stun::AddressFamily::ipv4 || family == stun::AddressFamily::ipv6;
    const IpFamily wanted = family == stun::AddressFamily::ipv6 ? IpFamily::v6 : IpFamily::v4;
    if (!known || allocation.relay_for(wanted) == nullptr) {
      return reject(ErrorCode::peer_address_family_mismatch);
    }
  }

  std::optional<uint32_t> wanted_s;
  if (const auto bytes = request.message.find(AttributeType::lifetime)) {
    wanted_s = stun::decode_u32(*bytes);
    if (!wanted_s) return reject(ErrorCode::bad_request);
  }
  if (wanted_s == 0U) {
    // The five-tuple and the ports are free before the answer leaves.
    close_allocation(allocation, CloseReason::deleted, request.now.mono, core, request.out);
    success.add_u32(AttributeType::lifetime, 0);
    return Done{};
  }
  const seconds lifetime = granted_lifetime(wanted_s, *core.settings);
  const bool shorter = request.now.mono + lifetime < allocation.deadline;
  allocation.deadline = request.now.mono + lifetime;
  if (shorter) core.allocations.deadline_shortened(allocation);
  success.add_u32(AttributeType::lifetime, static_cast<uint32_t>(lifetime.count()));
  return Done{};
}

}  // namespace turnpike::turn
