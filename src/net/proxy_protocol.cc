#include "net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/wire.h"

namespace turnpike::net {
namespace {

using Parsed = Result<std::optional<ProxyHeader>, ProxyError>;

constexpr std::string_view kTextPrefix = "PROXY ";
constexpr size_t kTextMax = 107;  // With the line end.
constexpr std::array<uint8_t, 12> kSignature = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
constexpr size_t kBinaryFixedSize = 16;

bool agree(ByteView bytes, ByteView pattern) {
  const size_t size = std::min(bytes.size(), pattern.size());
  return std::ranges::equal(bytes.first(size), pattern.first(size));
}

// Takes the text up to the next space off the front. Exactly one space separates two fields, so an
// empty field is an error that its reader finds.
std::string_view take_field(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const std::string_view field = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return field;
}

std::optional<Ip> parse_ip(std::string_view text, IpFamily family) {
  // Ip makes a mapped address an IPv4 one, so it is the spelling that must fit the family.
  const bool has_colon = text.find(':') != std::string_view::npos;
  if (has_colon != (family == IpFamily::v6)) return {};
  return Ip::parse(text);
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  if (text.empty() || error != std::errc{} || stop != end) return {};
  if (text.size() > 1 && text.front() == '0') return {};
  return port;
}

Parsed parse_line(std::string_view line, size_t consumed) {
  ProxyHeader header;
  header.consumed = consumed;
  line.remove_prefix(kTextPrefix.size());
  const bool ends_in_space = line.ends_with(' ');
  const std::string_view protocol = take_field(line);
  if (protocol == "UNKNOWN") {
    // Whatever follows up to the line end is to be ignored.
    header.kind = ProxyKind::unknown;
    return header;
  }
  if (protocol != "TCP4" && protocol != "TCP6") return unexpected(ProxyError::malformed);
  const IpFamily family = protocol == "TCP4" ? IpFamily::v4 : IpFamily::v6;
  const auto source = parse_ip(take_field(line), family);
  const auto destination = parse_ip(take_field(line), family);
  const auto source_port = parse_port(take_field(line));
  const auto destination_port = parse_port(take_field(line));
  if (!source || !destination || !source_port || !destination_port || !line.empty() ||
      ends_in_space) {
    return unexpected(ProxyError::malformed);
  }
  header.kind = ProxyKind::proxied;
  header.source = {*source, *source_port};
  header.destination = {*destination, *destination_port};
  return header;
}

Parsed parse_text(ByteView bytes) {
  const std::string_view text = as_text(bytes.first(std::min(bytes.size(), kTextMax)));
  const size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kTextMax) return unexpected(ProxyError::too_long);
    return std::nullopt;
  }
  return parse_line(text.substr(0, end), end + 2);
}

Ip read_ip(WireReader& reader, IpFamily family) {
  if (family == IpFamily::v4) return Ip::v4(reader.u32());
  std::array<uint8_t, 16> address{};
  const ByteView bytes = reader.bytes(address.size());
  std::copy(bytes.begin(), bytes.end(), address.begin());
  return Ip::from_v6(address);
}

Parsed read_addresses(ProxyHeader header, IpFamily family, ByteView body) {
  WireReader reader(body);
  header.source.ip = read_ip(reader, family);
  header.destination.ip = read_ip(reader, family);
  header.source.port = reader.u16();
  header.destination.port = reader.u16();
  if (!reader.ok()) return unexpected(ProxyError::malformed);
  // What is left of the body are extensions (TLVs), of which we need none.
  header.kind = ProxyKind::proxied;
  return header;
}

Parsed parse_binary(ByteView bytes) {
  constexpr uint8_t kLocal = 0x20;
  constexpr uint8_t kProxy = 0x21;
  if (bytes.size() > kSignature.size()) {
    const uint8_t version_and_command = bytes[kSignature.size()];
    if (version_and_command != kLocal && version_and_command != kProxy) {
      return unexpected(ProxyError::bad_version);
    }
  }
  if (bytes.size() < kBinaryFixedSize) return std::nullopt;

  WireReader reader(bytes.subspan(kSignature.size()));
  const uint8_t command = reader.u8();
  const uint8_t family_and_protocol = reader.u8();
  const size_t length = reader.u16();
  ProxyHeader header;
  header.consumed = kBinaryFixedSize + length;
  if (header.consumed > kProxyHeaderMax) return unexpected(ProxyError::too_long);
  if (header.consumed > bytes.size()) return std::nullopt;
  if (command == kLocal) return header;

  const ByteView body = bytes.subspan(kBinaryFixedSize, length);
  const int family = family_and_protocol >> 4;
  const int protocol = family_and_protocol & 0x0f;
  if (family > 3 || protocol > 2) return unexpected(ProxyError::malformed);
  // The transport is what the caller's socket is; here it only has to be one.
  if (protocol != 0 && family == 1) return read_addresses(header, IpFamily::v4, body);
  if (protocol != 0 && family == 2) return read_addresses(header, IpFamily::v6, body);
  header.kind = ProxyKind::unknown;  // Unspecified, or a socket of the balancer's file system.
  return header;
}

}  // namespace

std::string_view to_string(ProxyError error) {
  switch (error) {
    case ProxyError::not_proxy:
      return "no PROXY header";
    case ProxyError::malformed:
      return "malformed PROXY header";
    case ProxyError::too_long:
      return "PROXY header too long";
    case ProxyError::bad_version:
      return "unknown version or command in a PROXY header";
  }
  return "?";
}

Parsed parse_proxy_header(ByteView bytes) {
  if (agree(bytes, kSignature)) return parse_binary(bytes);
  if (agree(bytes, as_bytes(kTextPrefix))) return parse_text(bytes);
  return unexpected(ProxyError::not_proxy);
}

}  // namespace turnpike::net
