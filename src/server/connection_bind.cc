#include "server/connection_bind.h"

#include <algorithm>

#include "stun/builder.h"

namespace turnpike::server {
namespace {

// The type of ConnectionBind, in that class.
bool has_type(ByteView message, stun::Class message_class) {
  const uint16_t type = stun::message_type(stun::Method::connection_bind, message_class);
  return message.size() >= stun::kHeaderSize && message[0] == type >> 8 &&
         message[1] == (type & 0xff);
}

}  // namespace

bool is_connection_bind(const stun::Frame& frame) {
  return frame.kind == stun::PacketKind::stun && has_type(frame.bytes, stun::Class::request);
}

// The STUN header ends with the transaction id.
stun::TransactionId transaction_of(ByteView message) {
  stun::TransactionId id{};
  const ByteView bytes = message.subspan(stun::kHeaderSize - id.size(), id.size());
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

bool answers_connection_bind(const turn::ToClient& packet, const stun::TransactionId& asked) {
  // Answers are in one piece.
  const ByteView bytes = packet.head.empty() ? packet.body : packet.head;
  if (bytes.size() < stun::kHeaderSize) return false;
  return (has_type(bytes, stun::Class::success) || has_type(bytes, stun::Class::error)) &&
         transaction_of(bytes) == asked;
}

}  // namespace turnpike::server
