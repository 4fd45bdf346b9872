// The iceServers value of a WebRTC page's RTCConfiguration, for one server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace turnpike::cli {

// A host as it stands in a stun: or turn: URI (RFC 7064, RFC 7065).
struct UriHost {
  std::string text;  // IPv6 in brackets.
  bool is_address;   // Not a name: a certificate is seldom made out for it.

  // Takes IPv6 with or without brackets. Nothing when it is neither a name nor an address.
  static std::optional<UriHost> parse(std::string_view text);
};

struct IceServer {
  UriHost host;
  uint16_t port = 3478;
  bool udp = false;
  bool tcp = false;
  std::optional<uint16_t> tls_port;  // Adds turns:.
  std::string username;
  std::string credential;
};

// Entries without credentials (stun:) and with (turn:, turns:), in the order of preference.
std::string ice_servers_json(const IceServer& server);

}  // namespace turnpike::cli
