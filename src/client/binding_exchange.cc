#include "client/binding_exchange.h"

#include <algorithm>

#include "base/wire.h"
#include "stun/builder.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;

constexpr uint16_t kRequest = 0x0001;
constexpr uint16_t kSuccess = 0x0101;
constexpr uint16_t kError = 0x0111;

struct Header {
  uint16_t type;
  size_t length;
  stun::TransactionId id;
};

std::optional<Header> read_header(ByteView packet) {
  if (packet.size() < stun::kHeaderSize) return {};
  WireReader reader(packet);
  Header header{};
  header.type = reader.u16();
  header.length = reader.u16();
  // An RFC 3489 server sends back what it takes for sixteen bytes of transaction id, so the cookie
  // is there whoever answers.
  if (reader.u32() != stun::kMagicCookie) return {};
  std::copy_n(packet.begin() + 8, header.id.size(), header.id.begin());
  return header;
}

// An address that nobody can be reached at says nothing.
std::optional<Endpoint> usable(const std::optional<Endpoint>& address) {
  if (!address || address->port == 0 || address->ip.is_unspecified()) return {};
  return address;
}

void take(std::optional<Endpoint>& out, const std::optional<Endpoint>& value) {
  if (!out) out = usable(value);
}

struct Reading {
  BindingAnswer answer;
  std::optional<Endpoint> old_other;
  std::optional<Endpoint> old_origin;
};

void read_attribute(AttributeType type, ByteView value, const stun::TransactionId& id,
                    Reading& out) {
  BindingAnswer& answer = out.answer;
  if (type == AttributeType::mapped_address) {
    take(answer.mapped, stun::decode_address(value));
  } else if (type == AttributeType::xor_mapped_address) {
    take(answer.xor_mapped, stun::decode_xor_address(value, id));
  } else if (type == AttributeType::other_address) {
    take(answer.other_address, stun::decode_address(value));
  } else if (type == AttributeType::changed_address) {
    take(out.old_other, stun::decode_address(value));
  } else if (type == AttributeType::response_origin) {
    take(answer.response_origin, stun::decode_address(value));
  } else if (type == AttributeType::source_address) {
    take(out.old_origin, stun::decode_address(value));
  } else if (type == AttributeType::padding) {
    answer.padding = std::max(answer.padding, value.size());
  } else if (type == AttributeType::error_code) {
    if (const auto error = stun::decode_error_code(value)) answer.error = error->code;
  }
}

std::optional<stun::TransactionId> id_of(ByteView packet, std::initializer_list<uint16_t> types) {
  const auto header = read_header(packet);
  if (!header || std::find(types.begin(), types.end(), header->type) == types.end()) return {};
  return header->id;
}

// Below 0x8000: required.
constexpr auto kStrangerType = static_cast<AttributeType>(0x7FFE);
constexpr auto kFillerType = static_cast<AttributeType>(0xFFFE);

// A server may refuse to send a third party more than it was asked with.
constexpr std::string_view kFiller =
    "turnpike; this text makes room for an answer as long as the question";

}  // namespace

std::vector<uint8_t> make_binding_request(const stun::TransactionId& id, const BindingAsk& ask) {
  std::vector<uint8_t> bytes(stun::kHeaderSize + 40 + kFiller.size() + ask.padding + ask.filler);
  stun::MessageBuilder builder(bytes, Method::binding, Class::request, id);
  if (ask.change) builder.add_change_request(*ask.change);
  if (ask.response_port) {
    const std::array<uint8_t, 2> port = {static_cast<uint8_t>(*ask.response_port >> 8),
                                         static_cast<uint8_t>(*ask.response_port)};
    builder.add(AttributeType::response_port, ByteView(port));
    // RFC 5780 section 7.5 forbids PADDING beside it.
    builder.add(AttributeType::software, kFiller);
  }
  const auto add_zeros = [&builder](AttributeType type, uint16_t size) {
    if (size == 0) return;
    const ByteSpan room = builder.claim(type, size);
    std::fill(room.begin(), room.end(), uint8_t{0});
  };
  add_zeros(AttributeType::padding, ask.padding);
  add_zeros(kFillerType, ask.filler);
  add_zeros(kStrangerType, ask.stranger ? 4 : 0);
  // No FINGERPRINT: servers of RFC 3489 know nothing of it, and nothing else shares our ports.
  bytes.resize(builder.finish().size());
  return bytes;
}

std::optional<stun::TransactionId> answered_id(ByteView packet) {
  return id_of(packet, {kSuccess, kError});
}

std::optional<stun::TransactionId> asked_id(ByteView packet) {
  return id_of(packet, {kRequest});
}

std::optional<BindingAnswer> parse_binding_answer(ByteView packet) {
  const auto header = read_header(packet);
  if (!header) return {};
  const ByteView body = packet.subspan(stun::kHeaderSize);
  // What follows the message is not ours; a message that is cut off is nobody's.
  if (header->length > body.size()) return {};
  ByteView rest = body.first(header->length);
  Reading reading;
  while (!rest.empty()) {
    WireReader reader(rest);
    const auto type = static_cast<AttributeType>(reader.u16());
    const uint16_t size = reader.u16();
    const ByteView value = reader.bytes(size);
    if (!reader.ok()) return {};
    read_attribute(type, value, header->id, reading);
    // RFC 8489 section 14: padded to four bytes, which the last one of some servers is not.
    rest = rest.subspan(std::min<size_t>(rest.size(), 4 + ((size + 3U) & ~3U)));
  }
  BindingAnswer& answer = reading.answer;
  if (!answer.other_address) answer.other_address = reading.old_other;
  if (!answer.response_origin) answer.response_origin = reading.old_origin;
  if (header->type == kError) {
    if (answer.error == 0) return {};
  } else {
    answer.error = 0;
    if (!answer.public_address()) return {};
  }
  return answer;
}

}  // namespace turnpike::client
