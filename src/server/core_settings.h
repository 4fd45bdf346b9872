// From the configuration to what the protocol core is told.
#pragma once

#include <memory>
#include <vector>

#include "auth/user_store.h"
#include "config/config.h"
#include "net/interfaces.h"
#include "turn/settings.h"

namespace turnpike::server {

// What the database's rules say of peers comes on top (see database_rules.h), for each realm its
// own. To the addresses of the host, which no peer may have, the configuration adds those that it
// names.
std::shared_ptr<const turn::Settings> make_core_settings(
    const config::Config& config, const auth::StoreState& store, const net::HostAddresses& host,
    std::shared_ptr<const turn::BehaviorDiscovery> discovery);

}  // namespace turnpike::server
