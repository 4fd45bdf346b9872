#include "client/answer.h"

#include "stun/attributes.h"

namespace turnpike::client {

using stun::AttributeType;

bool has_unknown_required(const stun::MessageView& message) {
  for (const stun::Attribute& attribute : message) {
    if (stun::is_required(attribute.type) && stun::name(attribute.type) == "?") return true;
  }
  return false;
}

uint16_t error_code(const stun::MessageView& message) {
  const auto value = message.find(AttributeType::error_code);
  const auto decoded = value ? stun::decode_error_code(*value) : std::nullopt;
  return decoded ? decoded->code : uint16_t{0};
}

std::optional<Endpoint> mapped_address(const stun::MessageView& message) {
  if (const auto address = xor_address(message, AttributeType::xor_mapped_address)) return address;
  const auto value = message.find(AttributeType::mapped_address);
  return value ? stun::decode_address(*value) : std::nullopt;
}

std::optional<Endpoint> alternate_server(const stun::MessageView& message) {
  const auto value = message.find(AttributeType::alternate_server);
  return value ? stun::decode_address(*value) : std::nullopt;
}

std::optional<Endpoint> xor_address(const stun::MessageView& message, AttributeType type) {
  const auto value = message.find(type);
  return value ? stun::decode_xor_address(*value, message.transaction_id()) : std::nullopt;
}

}  // namespace turnpike::client
