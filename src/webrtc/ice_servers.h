// The iceServers value of a WebRTC page's RTCConfiguration, for one server.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/uri_host.h"

namespace turnpike::webrtc {

struct IceServer {
  UriHost host;
  uint16_t port = 3478;
  bool udp = false;
  bool tcp = false;
  std::optional<uint16_t> tls_port;  // Adds turns:.
  std::string username;
  std::string credential;

  friend bool operator==(const IceServer&, const IceServer&) = default;
};

// The URIs that need credentials (turn:, turns:), in the order of preference.
std::vector<std::string> turn_urls(const IceServer& server);

// Entries without credentials (stun:) and with (turn:, turns:), in the order of preference.
std::string ice_servers_json(const IceServer& server);
// The whole RTCConfiguration: {"iceServers": [...]}.
std::string rtc_configuration_json(const IceServer& server);
// P2P_STUN_SERVERS, P2P_TURN_ENABLED and P2P_TURN_SERVERS, for a shell to read. One entry a URL,
// since not every program that takes them knows lists.
std::string environment_lines(const IceServer& server);

}  // namespace turnpike::webrtc
