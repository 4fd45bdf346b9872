#include "server/discovery.h"

#include <algorithm>

#include "config/discovery_listeners.h"
#include "server/links.h"

namespace turnpike::server {
namespace {

turn::Corner make_corner(const config::Config& config, const Endpoint& local,
                         const std::vector<Endpoint>& udp_listeners) {
  turn::Corner corner;
  corner.local = local;
  corner.advertised = {advertised_ip(config.external_ips, local.ip), local.port};
  // Without UDP nobody can ask for another way back, and no link is needed.
  const auto socket = std::find(udp_listeners.begin(), udp_listeners.end(), local);
  if (socket != udp_listeners.end()) {
    const auto index = static_cast<uint32_t>(socket - udp_listeners.begin());
    corner.link = make_link(LinkKind::datagram, {index, 0});
  }
  return corner;
}

}  // namespace

std::shared_ptr<const turn::BehaviorDiscovery> make_discovery(
    const config::Config& config, const std::vector<Endpoint>& udp_listeners) {
  if (!config::wants_second_address(config)) return nullptr;
  auto discovery = std::make_shared<turn::BehaviorDiscovery>();
  discovery->rfc5780 = config.rfc5780;
  discovery->advertised_ips = config.external_ips;
  for (const config::EndpointSquare& square : config::discovery_squares(config)) {
    turn::AddressSquare& made = discovery->squares.emplace_back();
    for (size_t i = 0; i < square.size(); ++i) {
      made.corners.at(i) = make_corner(config, square.at(i), udp_listeners);
    }
  }
  return discovery;
}

}  // namespace turnpike::server
