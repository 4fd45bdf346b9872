// The numbers of STUN and TURN and their names, as the IANA registry has them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace turnpike::stun {

constexpr uint32_t kMagicCookie = 0x2112a442;
constexpr size_t kHeaderSize = 20;
constexpr uint32_t kFingerprintXor = 0x5354554e;

enum class Method : uint16_t {
  binding = 0x001,
  allocate = 0x003,
  refresh = 0x004,
  send = 0x006,
  data = 0x007,
  create_permission = 0x008,
  channel_bind = 0x009,
  connect = 0x00a,
  connection_bind = 0x00b,
  connection_attempt = 0x00c,
};

enum class Class : uint8_t { request = 0, indication = 1, success = 2, error = 3 };

enum class AttributeType : uint16_t {
  mapped_address = 0x0001,
  change_request = 0x0003,
  source_address = 0x0004,   // RFC 3489 only.
  changed_address = 0x0005,  // RFC 3489 only.
  username = 0x0006,
  message_integrity = 0x0008,
  error_code = 0x0009,
  unknown_attributes = 0x000a,
  channel_number = 0x000c,
  lifetime = 0x000d,
  xor_peer_address = 0x0012,
  data = 0x0013,
  realm = 0x0014,
  nonce = 0x0015,
  xor_relayed_address = 0x0016,
  requested_address_family = 0x0017,
  even_port = 0x0018,
  requested_transport = 0x0019,
  dont_fragment = 0x001a,
  access_token = 0x001b,
  message_integrity_sha256 = 0x001c,
  password_algorithm = 0x001d,
  userhash = 0x001e,
  xor_mapped_address = 0x0020,
  reservation_token = 0x0022,
  priority = 0x0024,
  use_candidate = 0x0025,
  padding = 0x0026,
  response_port = 0x0027,
  connection_id = 0x002a,
  additional_address_family = 0x8000,
  address_error_code = 0x8001,
  password_algorithms = 0x8002,
  alternate_domain = 0x8003,
  icmp = 0x8004,
  software = 0x8022,
  alternate_server = 0x8023,
  fingerprint = 0x8028,
  ice_controlled = 0x8029,
  ice_controlling = 0x802a,
  response_origin = 0x802b,
  other_address = 0x802c,
  third_party_authorization = 0x802e,
  mobility_ticket = 0x8030,
};

// RFC 8489 section 14: types below 0x8000 must be understood.
constexpr bool is_required(AttributeType type) {
  return static_cast<uint16_t>(type) < 0x8000;
}

enum class ErrorCode : uint16_t {
  try_alternate = 300,
  bad_request = 400,
  unauthenticated = 401,
  forbidden = 403,
  mobility_forbidden = 405,
  unknown_attribute = 420,
  allocation_mismatch = 437,
  stale_nonce = 438,
  address_family_not_supported = 440,
  wrong_credentials = 441,
  unsupported_transport = 442,
  peer_address_family_mismatch = 443,
  connection_already_exists = 446,
  connection_timeout_or_failure = 447,
  allocation_quota_reached = 486,
  server_error = 500,
  insufficient_capacity = 508,
};

// RFC 8489 section 18.5.
enum class PasswordAlgorithm : uint16_t { md5 = 0x0001, sha256 = 0x0002 };

// RFC 8489 section 14.3 and RFC 8656 section 18.8.
enum class AddressFamily : uint8_t { ipv4 = 0x01, ipv6 = 0x02 };

using TransactionId = std::array<uint8_t, 12>;

// The registry's names; "?" for a number that is not ours.
std::string_view name(Method method);
std::string_view name(AttributeType type);
// The reason phrase that RFCs recommend.
std::string_view reason(ErrorCode code);

}  // namespace turnpike::stun
