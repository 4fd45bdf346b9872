// Where this server's users come from: the configuration, then the database.
#pragma once

#include <memory>
#include <string>

#include "auth/user_store.h"
#include "base/result.h"
#include "config/config.h"

namespace turnpike::server {

// The realm in force: the configured one, or the only one that the database has users in. A host
// name is never used: it changes with every container, and all stored keys with it.
std::string choose_realm(const config::Config& config);

// Makes the database if there is none yet. The error is a sentence.
Result<std::unique_ptr<auth::UserStore>, std::string> make_user_store(const config::Config& config);

}  // namespace turnpike::server
