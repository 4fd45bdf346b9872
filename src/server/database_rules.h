// What the user database says besides users, put over the configuration.
#pragma once

#include "auth/user_store.h"
#include "config/config.h"

namespace turnpike::server {

// A realm's peer rules come on top of the configured ones, unless no-dynamic-ip-list is set. What
// can't be understood is left out, and stands in the log as an error: it may have been meant to
// deny.
config::Config with_database_rules(const config::Config& config, const auth::RealmState& realm);

}  // namespace turnpike::server
