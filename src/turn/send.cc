// RFC 8656 section 11.2: Send indications.
#include "stun/attributes.h"
#include "turn/core.h"
#include "turn/mobility.h"
#include "turn/respond.h"

namespace turnpike::turn {

using stun::AttributeType;

void handle_send(const Request& request, Core& core) {
  Counters& counters = core.counters;
  Allocation* allocation = core.allocations.find(request.from);
  if (allocation == nullptr || allocation->deadline <= request.now.mono) {
    if (forward_data(request.now, request.from, request.message.bytes(), core, request.out)) return;
    return counters.drop_no_allocation.add();
  }
  // RFC 6062: bytes of a TCP allocation go over connections of their own.
  if (allocation->transport == RelayTransport::tcp) return counters.drop_bad_indication.add();
  // One walk finds all that counts and whatever we must not ignore.
  std::optional<ByteView> peer_bytes;
  std::optional<ByteView> data;
  Fragmenting fragmenting = Fragmenting::allowed;
  for (const stun::Attribute& attribute : request.message) {
    if (attribute.type == AttributeType::xor_peer_address) {
      if (!peer_bytes) peer_bytes = attribute.value;
    } else if (attribute.type == AttributeType::data) {
      if (!data) data = attribute.value;
    } else if (attribute.type == AttributeType::dont_fragment) {
      fragmenting = Fragmenting::forbidden;
    } else if (stun::is_required(attribute.type) && !is_known(attribute.type)) {
      // RFC 8489 section 6.3.2: an indication with an unknown required attribute is dropped.
      return counters.drop_bad_indication.add();
    }
  }
  if (!peer_bytes || !data) return counters.drop_bad_indication.add();
  auto peer = stun::decode_xor_address(*peer_bytes, request.message.transaction_id());
  if (!peer) return counters.drop_bad_indication.add();
  if (allocation->mobility) confirm_move(*allocation, request.from.tuple, core, request.out);

  if (const auto external = core.services.directory.external_form(peer->ip)) peer->ip = *external;
  const Permission* permission = allocation->permissions.find(peer->ip, request.now.mono);
  if (permission == nullptr) return counters.drop_client_no_permission.add();
  if (!may_send_to(*allocation, *peer, request.now.mono, core)) return;
  send_to_peer(*allocation, *peer, permission->reach, *data, fragmenting, request.now, core,
               request.out);
}

}  // namespace turnpike::turn
