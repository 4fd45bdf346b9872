#include "server/own_servers.h"

#include "base/advertised_ip.h"
#include "config/discovery_listeners.h"

namespace turnpike::server {
namespace {

std::vector<Ip> local_ips(const config::Config& config, const std::vector<Ip>& host) {
  if (config.listening_ips.empty()) return host;
  std::vector<Ip> ips;
  for (const Ip& ip : config.listening_ips) {
    if (!ip.is_unspecified()) ips.push_back(ip);
    for (const Ip& one : host) {
      if (ip.is_unspecified() && one.family() == ip.family()) ips.push_back(one);
    }
  }
  return ips;
}

}  // namespace

std::vector<Endpoint> own_servers(const config::Config& config, const std::vector<Ip>& host) {
  std::vector<Endpoint> servers;
  const auto add = [&](const Endpoint& local) {
    servers.push_back(local);
    servers.push_back({advertised_ip(config.external_ips, local.ip), local.port});
  };
  for (const Ip& ip : local_ips(config, host)) {
    add({ip, config.listening_port});
    if (config.tls_listening_port != 0) add({ip, config.tls_listening_port});
  }
  for (const config::EndpointSquare& square : config::discovery_squares(config)) {
    for (const Endpoint& corner : square) add(corner);
  }
  return servers;
}

}  // namespace turnpike::server
