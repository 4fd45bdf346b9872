// From the configuration to what the protocol core is told.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "turn/settings.h"

namespace turnpike::server {

// `own_addresses` are those of this host's interfaces; the configuration adds its external ones.
std::shared_ptr<const turn::Settings> make_core_settings(
    const config::Config& config, const std::vector<Ip>& own_addresses,
    std::shared_ptr<const turn::BehaviorDiscovery> discovery);

}  // namespace turnpike::server
