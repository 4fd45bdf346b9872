#include "base/endpoint.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

#include "base/check.h"

namespace turnpike {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

template <size_t N>
bool has_prefix(const std::array<uint8_t, 16>& bytes, const std::array<uint8_t, N>& prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

}  // namespace

Ip Ip::v4(uint32_t host_order) {
  const std::array<uint8_t, 4> bytes = {
      static_cast<uint8_t>(host_order >> 24), static_cast<uint8_t>(host_order >> 16),
      static_cast<uint8_t>(host_order >> 8), static_cast<uint8_t>(host_order)};
  return from_v4(bytes);
}

Ip Ip::from_v4(std::span<const uint8_t, 4> bytes) {
  Ip ip;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes_.begin());
  std::copy(bytes.begin(), bytes.end(), ip.bytes_.begin() + 12);
  return ip;
}

Ip Ip::from_v6(std::span<const uint8_t, 16> bytes) {
  Ip ip;
  std::copy(bytes.begin(), bytes.end(), ip.bytes_.begin());
  return ip;
}

std::optional<Ip> Ip::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) return {};
  std::copy(text.begin(), text.end(), buffer.begin());
  std::array<uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, buffer.data(), bytes.data()) == 1) {
    return from_v4(std::span(bytes).first<4>());
  }
  if (inet_pton(AF_INET6, buffer.data(), bytes.data()) == 1) return from_v6(bytes);
  return {};
}

bool Ip::is_v4() const {
  return has_prefix(bytes_, kMappedPrefix);
}

uint32_t Ip::v4_bits() const {
  DCHECK(is_v4());
  return static_cast<uint32_t>(bytes_[12]) << 24 | static_cast<uint32_t>(bytes_[13]) << 16 |
         static_cast<uint32_t>(bytes_[14]) << 8 | static_cast<uint32_t>(bytes_[15]);
}

ByteView Ip::wire_bytes() const {
  return is_v4() ? ByteView(bytes_).last(4) : ByteView(bytes_);
}

bool Ip::is_unspecified() const {
  if (is_v4()) return v4_bits() == 0;
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t b) { return b == 0; });
}

bool Ip::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return bytes_[15] == 1 &&
         std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t b) { return b == 0; });
}

bool Ip::is_link_local() const {
  if (is_v4()) return bytes_[12] == 169 && bytes_[13] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

std::optional<Ip> Ip::embedded_v4() const {
  const auto at = [this](size_t offset) {
    return from_v4(std::span<const uint8_t, 4>(bytes_.data() + offset, 4));
  };
  if (is_v4()) return {};
  constexpr std::array<uint8_t, 2> k6to4 = {0x20, 0x02};
  constexpr std::array<uint8_t, 4> kTeredo = {0x20, 0x01, 0, 0};
  constexpr std::array<uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  constexpr std::array<uint8_t, 6> kLocalNat64 = {0, 0x64, 0xff, 0x9b, 0, 1};
  constexpr std::array<uint8_t, 12> kTranslated = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
  constexpr std::array<uint8_t, 12> kCompatible = {};
  if (has_prefix(bytes_, k6to4)) return at(2);
  if (has_prefix(bytes_, kNat64) || has_prefix(bytes_, kTranslated)) return at(12);
  // RFC 8215 leaves the length of the local prefix open; translators in use take /96.
  if (has_prefix(bytes_, kLocalNat64)) return at(12);
  if (has_prefix(bytes_, kTeredo)) return Ip::v4(~at(12).v4_bits());
  if (has_prefix(bytes_, kCompatible) && !is_unspecified() && !is_loopback()) return at(12);
  return {};
}

std::string Ip::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, wire_bytes().data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::optional<Endpoint> Endpoint::parse(std::string_view text, uint16_t default_port) {
  std::string_view host = text;
  std::string_view port_text;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return {};
    host = text.substr(1, close - 1);
    const std::string_view tail = text.substr(close + 1);
    if (!tail.empty() && (tail.front() != ':' || tail.size() == 1)) return {};
    if (!tail.empty()) port_text = tail.substr(1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    const size_t colon = text.find(':');
    host = text.substr(0, colon);
    port_text = text.substr(colon + 1);
    if (port_text.empty()) return {};
  }
  const std::optional<Ip> ip = Ip::parse(host);
  if (!ip) return {};
  uint16_t port = default_port;
  if (!port_text.empty()) {
    const char* end = port_text.data() + port_text.size();
    const auto [stop, error] = std::from_chars(port_text.data(), end, port);
    if (error != std::errc() || stop != end) return {};
  }
  return Endpoint{*ip, port};
}

std::string Endpoint::to_string() const {
  const std::string host = ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]";
  return host + ":" + std::to_string(port);
}

Ip any_address(IpFamily family) {
  return family == IpFamily::v4 ? Ip::v4(0) : Ip();
}

}  // namespace turnpike
