#include "server/own_servers.h"

#include "base/advertised_ip.h"

namespace turnpike::server {

std::vector<Endpoint> own_servers(const config::Config& config,
                                  const std::vector<Endpoint>& listening,
                                  const std::vector<Ip>& host) {
  std::vector<Endpoint> servers;
  const auto add = [&](const Endpoint& local) {
    servers.push_back(local);
    servers.push_back({advertised_ip(config.external_ips, local.ip), local.port});
  };
  for (const Endpoint& local : listening) {
    if (!local.ip.is_unspecified()) add(local);
    for (const Ip& ip : host) {
      if (local.ip.is_unspecified() && ip.family() == local.ip.family()) add({ip, local.port});
    }
  }
  return servers;
}

}  // namespace turnpike::server
