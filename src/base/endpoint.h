// IP addresses and transport addresses as plain values, canonical at construction.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace turnpike {

enum class IpFamily : uint8_t { v4, v6 };

// An IPv4 or IPv6 address in one canonical form of 16 bytes: IPv4 is held as ::ffff:a.b.c.d, so
// a v4-mapped IPv6 address *is* the IPv4 address and can't slip past a rule about it. The order is
// the order of the numbers. Default: the IPv6 unspecified address.
class Ip {
 public:
  constexpr Ip() = default;

  static Ip v4(uint32_t host_order);
  static Ip from_v4(std::span<const uint8_t, 4> bytes);
  static Ip from_v6(std::span<const uint8_t, 16> bytes);

  // Dotted IPv4 or IPv6 text, without brackets, port or zone.
  static std::optional<Ip> parse(std::string_view text);

  [[nodiscard]] IpFamily family() const { return is_v4() ? IpFamily::v4 : IpFamily::v6; }
  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] uint32_t v4_bits() const;  // Requires is_v4().
  [[nodiscard]] const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // The 4 or 16 bytes that go on the wire.
  [[nodiscard]] ByteView wire_bytes() const;

  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_link_local() const;

  // The IPv4 address that a translator or tunnel would take out of this IPv6 address:
  // v4-compatible, RFC 2765 translated, 6to4, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), Teredo
  // (the client's, de-obfuscated).
  [[nodiscard]] std::optional<Ip> embedded_v4() const;

  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Ip&, const Ip&) = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

struct Endpoint {
  Ip ip;
  uint16_t port = 0;

  // "192.0.2.1:3478" or "[2001:db8::1]:3478". A bare address parses with the port given here.
  static std::optional<Endpoint> parse(std::string_view text, uint16_t default_port);

  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// The addresses of one IP family's wildcard.
Ip any_address(IpFamily family);

}  // namespace turnpike
