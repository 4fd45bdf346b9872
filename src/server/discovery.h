// RFC 5780's second addresses as the protocol core wants them: with the links of the sockets that
// are bound to them.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "turn/behavior_discovery.h"

namespace turnpike::server {

// `udp_listeners`: what the listening UDP sockets of each worker are bound to, in their order.
// nullptr: neither RFC 5780 nor a second address for RFC 3489 is served.
std::shared_ptr<const turn::BehaviorDiscovery> make_discovery(
    const config::Config& config, const std::vector<Endpoint>& udp_listeners);

}  // namespace turnpike::server
