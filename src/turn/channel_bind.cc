// RFC 8656 section 12.2.
#include "stun/attributes.h"
#include "stun/channel_data.h"
#include "turn/core.h"

namespace turnpike::turn {

using stun::AttributeType;
using stun::ErrorCode;

Outcome handle_channel_bind(const AuthenticatedRequest& request, Core& core,
                            stun::MessageBuilder&) {
  const auto found = allocation_of(request, core);
  if (!found) return unexpected(found.error());
  Allocation& allocation = **found;
  // RFC 6062: bytes of a TCP allocation go over connections of their own.
  if (allocation.transport == RelayTransport::tcp) return reject(ErrorCode::bad_request);
  const Instant now = request.now.mono;

  const auto number_bytes = request.message.find(AttributeType::channel_number);
  const auto peer_bytes = request.message.find(AttributeType::xor_peer_address);
  if (!number_bytes || !peer_bytes) return reject(ErrorCode::bad_request);
  const auto number = stun::decode_channel_number(*number_bytes);
  const auto peer = stun::decode_xor_address(*peer_bytes, request.message.transaction_id());
  if (!number || !peer) return reject(ErrorCode::bad_request);

  // Deviation: clients in the field draw from RFC 5766's range; a setting keeps to RFC 8656's.
  const uint16_t last =
      core.settings->wide_channel_numbers ? stun::kChannelLastRfc5766 : stun::kChannelLast;
  if (*number < stun::kChannelFirst || *number > last) return reject(ErrorCode::bad_request);

  const PeerDecision decision = decide_peer(*peer, allocation, core);
  if (!allocation.channels.may_bind(*number, decision.peer, now)) {
    return reject(ErrorCode::bad_request);
  }
  if (allocation.relay_for(decision.peer.ip.family()) == nullptr) {
    return reject(ErrorCode::peer_address_family_mismatch);
  }
  if (decision.reason != PeerReason::allowed) return refuse_peer(request, decision, core);
  if (!allocation.channels.has_room(*number, core.settings->max_channels, now)) {
    core.counters.channel_cap.add();
    return reject(ErrorCode::insufficient_capacity);
  }
  if (!allocation.permissions.has_room(decision.peer.ip, core.settings->max_permissions, now)) {
    core.counters.permission_cap.add();
    return reject(ErrorCode::insufficient_capacity);
  }

  const bool is_known = allocation.channels.is_bound(decision.peer, now);
  if (!may_meet(allocation, is_known ? 0 : 1, now, core)) {
    return reject(ErrorCode::insufficient_capacity);
  }

  const Instant permitted = now + core.settings->permission_lifetime;
  allocation.permissions.install(decision.peer.ip, decision.reach, permitted);
  allocation.channels.bind(
      {decision.peer, *number, decision.reach, now + core.settings->channel_lifetime, permitted});
  allocation.channels.permission_refreshed(decision.peer.ip, permitted);
  return Done{};
}

}  // namespace turnpike::turn
