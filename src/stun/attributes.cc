#include "stun/attributes.h"

#include <algorithm>

#include "base/wire.h"

namespace turnpike::stun {
namespace {

std::optional<Endpoint> read_address(WireReader& reader) {
  reader.skip(1);
  const auto family = static_cast<AddressFamily>(reader.u8());
  const uint16_t port = reader.u16();
  const size_t size = family == AddressFamily::ipv4 ? 4 : 16;
  if (family != AddressFamily::ipv4 && family != AddressFamily::ipv6) return {};
  const ByteView bytes = reader.bytes(size);
  if (!reader.ok() || reader.remaining() != 0) return {};
  return Endpoint{size == 4 ? Ip::from_v4(bytes.first<4>()) : Ip::from_v6(bytes.first<16>()), port};
}

// A reader over a value that must be exactly `size` bytes.
std::optional<WireReader> sized(ByteView value, size_t size) {
  if (value.size() != size) return {};
  return WireReader(value);
}

}  // namespace

std::optional<Endpoint> decode_address(ByteView value) {
  WireReader reader(value);
  return read_address(reader);
}

std::optional<Endpoint> decode_xor_address(ByteView value, const TransactionId& id) {
  // RFC 8489 section 14.2: port and address are XORed with the cookie, then the transaction id.
  std::array<uint8_t, 20> plain;
  if (value.size() > plain.size()) return {};
  std::copy(value.begin(), value.end(), plain.begin());
  std::array<uint8_t, 16> mask;
  WireWriter writer(mask);
  writer.u32(kMagicCookie);
  writer.bytes(id);
  for (size_t i = 4; i < value.size(); ++i) plain[i] ^= mask[i - 4];
  if (value.size() >= 4) {
    plain[2] ^= mask[0];
    plain[3] ^= mask[1];
  }
  return decode_address(ByteView(plain).first(value.size()));
}

std::optional<uint32_t> decode_u32(ByteView value) {
  auto reader = sized(value, 4);
  if (!reader) return {};
  return reader->u32();
}

std::optional<uint64_t> decode_u64(ByteView value) {
  auto reader = sized(value, 8);
  if (!reader) return {};
  return reader->u64();
}

std::optional<ErrorCodeValue> decode_error_code(ByteView value) {
  WireReader reader(value);
  reader.skip(2);
  const uint8_t hundreds = reader.u8() & 0x07;
  const uint8_t rest = reader.u8();
  if (!reader.ok() || hundreds < 3 || hundreds > 6 || rest > 99) return {};
  return ErrorCodeValue{static_cast<uint16_t>(hundreds * 100 + rest), as_text(value.subspan(4))};
}

std::optional<uint16_t> decode_channel_number(ByteView value) {
  auto reader = sized(value, 4);
  if (!reader) return {};
  return reader->u16();
}

std::optional<bool> decode_even_port(ByteView value) {
  auto reader = sized(value, 1);
  if (!reader) return {};
  return (reader->u8() & 0x80) != 0;
}

std::optional<uint8_t> decode_requested_transport(ByteView value) {
  auto reader = sized(value, 4);
  if (!reader) return {};
  return reader->u8();
}

std::optional<uint8_t> decode_address_family(ByteView value) {
  auto reader = sized(value, 4);
  if (!reader) return {};
  return reader->u8();
}

std::optional<IcmpValue> decode_icmp(ByteView value) {
  auto reader = sized(value, 8);
  if (!reader) return {};
  reader->skip(2);
  // RFC 8656 section 18.13: 7 bits of type, 9 bits of code.
  const uint16_t type_and_code = reader->u16();
  if ((type_and_code & 0x100) != 0) return {};  // No ICMP code has nine bits.
  return IcmpValue{static_cast<uint8_t>(type_and_code >> 9), static_cast<uint8_t>(type_and_code),
                   reader->u32()};
}

std::optional<ChangeRequest> decode_change_request(ByteView value) {
  const auto bits = decode_u32(value);
  if (!bits) return {};
  return ChangeRequest{(*bits & 0x04) != 0, (*bits & 0x02) != 0};
}

std::optional<uint16_t> decode_response_port(ByteView value) {
  // RFC 5780 section 7.5 gives two bytes; implementations also send four.
  if (value.size() != 2 && value.size() != 4) return {};
  return WireReader(value).u16();
}

std::optional<PasswordAlgorithm> decode_password_algorithm(ByteView value) {
  WireReader reader(value);
  const uint16_t algorithm = reader.u16();
  const uint16_t parameters = reader.u16();
  if (!reader.ok() || parameters != 0 || reader.remaining() != 0) return {};
  if (algorithm != static_cast<uint16_t>(PasswordAlgorithm::md5) &&
      algorithm != static_cast<uint16_t>(PasswordAlgorithm::sha256)) {
    return {};
  }
  return static_cast<PasswordAlgorithm>(algorithm);
}

std::optional<std::vector<uint16_t>> decode_password_algorithms(ByteView value) {
  std::vector<uint16_t> algorithms;
  WireReader reader(value);
  while (reader.ok() && reader.remaining() > 0) {
    algorithms.push_back(reader.u16());
    const uint16_t parameters = reader.u16();
    reader.skip((parameters + 3U) & ~3U);
  }
  if (!reader.ok()) return {};
  return algorithms;
}

std::vector<AttributeType> decode_unknown_attributes(ByteView value) {
  std::vector<AttributeType> types;
  WireReader reader(value);
  while (reader.remaining() >= 2) types.push_back(static_cast<AttributeType>(reader.u16()));
  return types;
}

}  // namespace turnpike::stun
