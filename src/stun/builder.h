// Writes one STUN message into the caller's buffer. Padding is always zeros.
#pragma once

#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/wire.h"
#include "stun/attributes.h"
#include "stun/types.h"

namespace turnpike::stun {

class MessageBuilder {
 public:
  // `out` must outlive the builder.
  MessageBuilder(ByteSpan out, Method method, Class message_class, const TransactionId& id);

  // A reply without a cookie (RFC 3489): the 16 bytes of the request come back as they were.
  static MessageBuilder classic(ByteSpan out, Method method, Class message_class,
                                std::span<const uint8_t, 16> cookie_and_id);

  void add(AttributeType type, ByteView value);
  void add(AttributeType type, std::string_view text) { add(type, as_bytes(text)); }
  void add_empty(AttributeType type) { add(type, ByteView()); }
  void add_u32(AttributeType type, uint32_t value);
  void add_u64(AttributeType type, uint64_t value);
  void add_address(AttributeType type, const Endpoint& address);
  void add_xor_address(AttributeType type, const Endpoint& address);
  void add_error(ErrorCode code, std::string_view reason_text = {});
  void add_channel_number(uint16_t number);
  void add_even_port(bool reserve_next);
  void add_requested_transport(uint8_t protocol);
  // REQUESTED-ADDRESS-FAMILY, ADDITIONAL-ADDRESS-FAMILY.
  void add_family(AttributeType type, AddressFamily family);
  // RFC 8656 section 18.12.
  void add_address_error(AddressFamily family, ErrorCode code);
  void add_icmp(const IcmpValue& icmp);
  void add_change_request(const ChangeRequest& change);
  void add_password_algorithm(PasswordAlgorithm algorithm);
  void add_password_algorithms(std::span<const PasswordAlgorithm> algorithms);
  void add_unknown_attributes(std::span<const AttributeType> types);

  // Room for a value that the caller fills; empty when it does not fit.
  ByteSpan claim(AttributeType type, size_t size);

  // Each is added once, integrity before the fingerprint (RFC 8489 sections 14.5 to 14.7).
  void add_integrity_sha1(ByteView key);
  void add_integrity_sha256(ByteView key);
  void add_fingerprint();

  // The message, or nothing when it did not fit.
  [[nodiscard]] ByteView finish();

 private:
  MessageBuilder(ByteSpan out, Method method, Class message_class);

  // Sets the length field as if `more` bytes followed what is there.
  void set_length(size_t more);

  WireWriter writer_;
  TransactionId id_{};
};

// The two type bytes of the header (RFC 8489 section 5).
uint16_t message_type(Method method, Class message_class);

}  // namespace turnpike::stun
