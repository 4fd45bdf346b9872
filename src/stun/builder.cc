#include "stun/builder.h"

#include <algorithm>

#include "stun/fingerprint.h"
#include "stun/integrity.h"

namespace turnpike::stun {
namespace {

// The length field says at most 65532, a multiple of four.
constexpr size_t kLargestMessage = kHeaderSize + 65532;

// The bytes of (XOR-)MAPPED-ADDRESS and its relatives, before any XOR.
ByteView write_address(std::span<uint8_t, 20> out, const Endpoint& address) {
  WireWriter writer(out);
  writer.u8(0);
  writer.u8(static_cast<uint8_t>(address.ip.is_v4() ? AddressFamily::ipv4 : AddressFamily::ipv6));
  writer.u16(address.port);
  writer.bytes(address.ip.wire_bytes());
  return writer.written();
}

}  // namespace

uint16_t message_type(Method method, Class message_class) {
  const auto m = static_cast<unsigned>(method);
  const auto c = static_cast<unsigned>(message_class);
  return static_cast<uint16_t>((m & 0x000f) | (m & 0x0070) << 1 | (m & 0x0f80) << 2 | (c & 1) << 4 |
                               (c & 2) << 7);
}

MessageBuilder::MessageBuilder(ByteSpan out, Method method, Class message_class) : writer_(out) {
  writer_.u16(message_type(method, message_class));
  writer_.u16(0);
}

MessageBuilder::MessageBuilder(ByteSpan out, Method method, Class message_class,
                               const TransactionId& id)
    : MessageBuilder(out, method, message_class) {
  id_ = id;
  writer_.u32(kMagicCookie);
  writer_.bytes(id);
}

MessageBuilder MessageBuilder::classic(ByteSpan out, Method method, Class message_class,
                                       std::span<const uint8_t, 16> cookie_and_id) {
  MessageBuilder builder(out, method, message_class);
  builder.writer_.bytes(cookie_and_id);
  return builder;
}

ByteSpan MessageBuilder::claim(AttributeType type, size_t size) {
  writer_.u16(static_cast<uint16_t>(type));
  writer_.u16(static_cast<uint16_t>(size));
  const ByteSpan room = writer_.claim(size);
  writer_.zeros((4 - size % 4) % 4);
  return writer_.ok() ? room : ByteSpan();
}

void MessageBuilder::add(AttributeType type, ByteView value) {
  const ByteSpan room = claim(type, value.size());
  if (!room.empty()) std::copy(value.begin(), value.end(), room.begin());
}

void MessageBuilder::add_u32(AttributeType type, uint32_t value) {
  std::array<uint8_t, 4> bytes;
  WireWriter(bytes).u32(value);
  add(type, bytes);
}

void MessageBuilder::add_u64(AttributeType type, uint64_t value) {
  std::array<uint8_t, 8> bytes;
  WireWriter(bytes).u64(value);
  add(type, bytes);
}

void MessageBuilder::add_address(AttributeType type, const Endpoint& address) {
  std::array<uint8_t, 20> bytes;
  add(type, write_address(bytes, address));
}

void MessageBuilder::add_xor_address(AttributeType type, const Endpoint& address) {
  std::array<uint8_t, 20> bytes;
  const size_t size = write_address(bytes, address).size();
  std::array<uint8_t, 16> mask;
  WireWriter writer(mask);
  writer.u32(kMagicCookie);
  writer.bytes(id_);
  bytes[2] ^= mask[0];
  bytes[3] ^= mask[1];
  for (size_t i = 4; i < size; ++i) bytes[i] ^= mask[i - 4];
  add(type, ByteView(bytes).first(size));
}

void MessageBuilder::add_error(ErrorCode code, std::string_view reason_text) {
  const auto number = static_cast<uint16_t>(code);
  const ByteSpan room = claim(AttributeType::error_code, 4 + reason_text.size());
  WireWriter writer(room);
  writer.u16(0);
  writer.u8(static_cast<uint8_t>(number / 100));
  writer.u8(static_cast<uint8_t>(number % 100));
  writer.bytes(as_bytes(reason_text));
}

void MessageBuilder::add_channel_number(uint16_t number) {
  add_u32(AttributeType::channel_number, static_cast<uint32_t>(number) << 16);
}

void MessageBuilder::add_even_port(bool reserve_next) {
  const std::array<uint8_t, 1> bytes = {static_cast<uint8_t>(reserve_next ? 0x80 : 0)};
  add(AttributeType::even_port, bytes);
}

void MessageBuilder::add_requested_transport(uint8_t protocol) {
  add_u32(AttributeType::requested_transport, static_cast<uint32_t>(protocol) << 24);
}

void MessageBuilder::add_family(AttributeType type, AddressFamily family) {
  add_u32(type, static_cast<uint32_t>(family) << 24);
}

void MessageBuilder::add_address_error(AddressFamily family, ErrorCode code) {
  const auto number = static_cast<uint32_t>(code);
  add_u32(AttributeType::address_error_code,
          static_cast<uint32_t>(family) << 24 | (number / 100) << 8 | number % 100);
}

void MessageBuilder::add_icmp(const IcmpValue& icmp) {
  add_u64(AttributeType::icmp, static_cast<uint64_t>(icmp.type & 0x7fU) << 41 |
                                   static_cast<uint64_t>(icmp.code) << 32 | icmp.error_data);
}

void MessageBuilder::add_change_request(const ChangeRequest& change) {
  add_u32(AttributeType::change_request,
          (change.change_ip ? 0x04U : 0U) | (change.change_port ? 0x02U : 0U));
}

void MessageBuilder::add_password_algorithm(PasswordAlgorithm algorithm) {
  add_u32(AttributeType::password_algorithm, static_cast<uint32_t>(algorithm) << 16);
}

void MessageBuilder::add_password_algorithms(std::span<const PasswordAlgorithm> algorithms) {
  WireWriter writer(claim(AttributeType::password_algorithms, algorithms.size() * 4));
  for (const PasswordAlgorithm algorithm : algorithms) {
    writer.u16(static_cast<uint16_t>(algorithm));
    writer.u16(0);
  }
}

void MessageBuilder::add_unknown_attributes(std::span<const AttributeType> types) {
  WireWriter writer(claim(AttributeType::unknown_attributes, types.size() * 2));
  for (const AttributeType type : types) writer.u16(static_cast<uint16_t>(type));
}

void MessageBuilder::set_length(size_t more) {
  writer_.patch_u16(2, static_cast<uint16_t>(writer_.size() + more - kHeaderSize));
}

void MessageBuilder::add_integrity_sha1(ByteView key) {
  set_length(4 + 20);
  add(AttributeType::message_integrity, hmac_sha1(key, writer_.written()));
}

void MessageBuilder::add_integrity_sha256(ByteView key) {
  set_length(4 + 32);
  add(AttributeType::message_integrity_sha256, hmac_sha256(key, writer_.written()));
}

void MessageBuilder::add_fingerprint() {
  set_length(8);
  add_u32(AttributeType::fingerprint, fingerprint_of(writer_.written()));
}

ByteView MessageBuilder::finish() {
  // What the length fields cannot say does not fit either.
  if (!writer_.ok() || writer_.size() > kLargestMessage) return {};
  set_length(0);
  return writer_.written();
}

}  // namespace turnpike::stun
