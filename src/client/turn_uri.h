// The way a server is written down for clients: RFC 7064 (stun:) and RFC 7065 (turn:).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace turnpike::client {

struct ServerUri {
  bool relays = false;    // turn: and turns:, in contrast to stun: and stuns:.
  bool secure = false;    // stuns: and turns:.
  std::string host;       // Without brackets.
  uint16_t port = 0;      // 3478, or 5349 where secure, unless written.
  std::string transport;  // "udp" or "tcp"; empty when not written.

  // Nothing unless the whole text is such a URI.
  static std::optional<ServerUri> parse(std::string_view text);
};

}  // namespace turnpike::client
