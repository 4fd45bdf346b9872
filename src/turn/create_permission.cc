// RFC 8656 section 10.2.
#include "stun/attributes.h"
#include "turn/core.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;

// A datagram has no room for more peers than this, so it is no limit of ours; a stream has.
constexpr size_t kMaxPeersInRequest = 128;

Result<std::vector<PeerDecision>, Reject> read_peers(const AuthenticatedRequest& request,
                                                     const Allocation& allocation, Core& core) {
  std::vector<PeerDecision> decisions;
  for (const stun::Attribute& attribute : request.message) {
    if (attribute.type != AttributeType::xor_peer_address) continue;
    const auto peer = stun::decode_xor_address(attribute.value, request.message.transaction_id());
    if (!peer) return reject(ErrorCode::bad_request);
    if (decisions.size() == kMaxPeersInRequest) return reject(ErrorCode::insufficient_capacity);
    decisions.push_back(allocation.transport == RelayTransport::tcp
                            ? decide_tcp_peer(*peer, allocation, core)
                            : decide_peer(*peer, allocation, core));
  }
  if (decisions.empty()) return reject(ErrorCode::bad_request);
  for (const PeerDecision& decision : decisions) {
    if (allocation.relay_for(decision.peer.ip.family()) == nullptr) {
      return reject(ErrorCode::peer_address_family_mismatch);
    }
    if (decision.reason != PeerReason::allowed) return refuse_peer(request, decision, core);
  }
  return decisions;
}

}  // namespace

Outcome handle_create_permission(const AuthenticatedRequest& request, Core& core,
                                 stun::MessageBuilder&) {
  const auto found = allocation_of(request, core);
  if (!found) return unexpected(found.error());
  Allocation& allocation = **found;
  // All or nothing: nothing is installed before every address has been judged.
  const auto peers = read_peers(request, allocation, core);
  if (!peers) return unexpected(peers.error());

  const Instant now = request.now.mono;
  const Instant deadline = now + core.settings->permission_lifetime;
  Permissions updated = allocation.permissions;
  uint64_t new_peers = 0;
  for (const PeerDecision& decision : *peers) {
    if (!updated.has_room(decision.peer.ip, core.settings->max_permissions, now)) {
      core.counters.permission_cap.add();
      return reject(ErrorCode::insufficient_capacity);
    }
    if (updated.find(decision.peer.ip, now) == nullptr) ++new_peers;
    updated.install(decision.peer.ip, decision.reach, deadline);
  }
  if (!may_meet(allocation, new_peers, now, core)) {
    return reject(ErrorCode::insufficient_capacity);
  }
  allocation.permissions = std::move(updated);
  for (const PeerDecision& decision : *peers) {
    allocation.channels.permission_refreshed(decision.peer.ip, deadline);
  }
  return Done{};
}

}  // namespace turnpike::turn
