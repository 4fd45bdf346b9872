#include "config/discovery_listeners.h"

#include <algorithm>
#include <optional>

namespace turnpike::config {
namespace {

bool can_be_paired(const Ip& ip) {
  return !ip.is_unspecified() && !ip.is_link_local();
}

bool is_in(const std::vector<Ip>& ips, const Ip& ip) {
  return std::find(ips.begin(), ips.end(), ip) != ips.end();
}

// The first of the listening addresses behind the one at `first` that makes a pair with it.
std::optional<Ip> partner_of(const Config& config, size_t first, const std::vector<Ip>& used) {
  const std::vector<Ip>& ips = config.listening_ips;
  for (size_t i = first + 1; i < ips.size(); ++i) {
    const bool alike =
        ips[i].family() == ips[first].family() && ips[i].is_loopback() == ips[first].is_loopback();
    const bool differs = advertised_ip(config.external_ips, ips[i]) !=
                         advertised_ip(config.external_ips, ips[first]);
    if (alike && differs && can_be_paired(ips[i]) && !is_in(used, ips[i])) return ips[i];
  }
  return {};
}

struct PortPair {
  uint16_t first;
  uint16_t second;
};

std::vector<PortPair> port_pairs(const Config& config) {
  std::vector<PortPair> pairs = {
      {config.listening_port, alternate_of(config.listening_port, config.alt_listening_port)}};
  const uint16_t tls = config.tls_listening_port;
  if (tls != 0 && tls != config.listening_port) {
    pairs.push_back({tls, alternate_of(tls, config.alt_tls_listening_port)});
  }
  return pairs;
}

}  // namespace

bool wants_second_address(const Config& config) {
  return (config.rfc5780 || config.rfc3489_compatibility) && !config.no_stun;
}

uint16_t alternate_of(uint16_t port, uint16_t configured) {
  if (configured != 0) return configured;
  return static_cast<uint16_t>(port == 65535 ? port - 1 : port + 1);
}

std::vector<EndpointSquare> discovery_squares(const Config& config) {
  std::vector<EndpointSquare> squares;
  if (!wants_second_address(config)) return squares;
  std::vector<Ip> used;
  for (size_t i = 0; i < config.listening_ips.size(); ++i) {
    const Ip& first = config.listening_ips[i];
    if (is_in(used, first) || !can_be_paired(first)) continue;
    const auto second = partner_of(config, i, used);
    if (!second) continue;
    for (const PortPair& ports : port_pairs(config)) {
      squares.push_back({Endpoint{first, ports.first}, Endpoint{first, ports.second},
                         Endpoint{*second, ports.first}, Endpoint{*second, ports.second}});
    }
    used.insert(used.end(), {first, *second});
  }
  return squares;
}

}  // namespace turnpike::config
