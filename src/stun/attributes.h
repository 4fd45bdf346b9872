// The values of attributes: decode from an attribute's bytes. Encoding is MessageBuilder's.
//
// Each decoder takes the value as it stood in the message and answers nothing when its size or
// content is not what the RFC says.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "stun/message.h"
#include "stun/types.h"

namespace turnpike::stun {

std::optional<Endpoint> decode_address(ByteView value);
std::optional<Endpoint> decode_xor_address(ByteView value, const TransactionId& id);
std::optional<uint32_t> decode_u32(ByteView value);
std::optional<uint64_t> decode_u64(ByteView value);

struct ErrorCodeValue {
  uint16_t code;
  std::string_view reason;
};
std::optional<ErrorCodeValue> decode_error_code(ByteView value);

// RFC 8656 section 18.1: the number, whatever its range.
std::optional<uint16_t> decode_channel_number(ByteView value);
// RFC 8656 section 18.6: true when the next port is to be reserved.
std::optional<bool> decode_even_port(ByteView value);
// RFC 8656 section 18.7: an IANA protocol number (17 is UDP, 6 is TCP).
std::optional<uint8_t> decode_requested_transport(ByteView value);
// RFC 8656 sections 18.8 and 18.11; an unknown family is a value too, so that it can get 440.
std::optional<uint8_t> decode_address_family(ByteView value);

// RFC 8656 section 18.13.
struct IcmpValue {
  uint8_t type;
  uint8_t code;
  uint32_t error_data;
};
std::optional<IcmpValue> decode_icmp(ByteView value);

// RFC 5780 section 7.2.
struct ChangeRequest {
  bool change_ip;
  bool change_port;
};
std::optional<ChangeRequest> decode_change_request(ByteView value);
std::optional<uint16_t> decode_response_port(ByteView value);

// RFC 8489 section 14.12. Neither of the two algorithms has parameters.
std::optional<PasswordAlgorithm> decode_password_algorithm(ByteView value);
// RFC 8489 section 14.11. Unknown algorithms are kept as numbers.
std::optional<std::vector<uint16_t>> decode_password_algorithms(ByteView value);

// RFC 8489 section 14.13.
std::vector<AttributeType> decode_unknown_attributes(ByteView value);

}  // namespace turnpike::stun
