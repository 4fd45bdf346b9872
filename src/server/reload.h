// What a new configuration changes in a server that runs.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"

namespace turnpike::server {

struct ConfigChanges {
  std::vector<std::string> live;           // Options that can count from now on.
  std::vector<std::string> needs_restart;  // Options that can't.
};

// The options in which the two differ.
ConfigChanges changes_between(const config::Config& current, const config::Config& next);

// Puts what needs a restart back to what is in force.
void keep_what_needs_restart(const config::Config& current, config::Config& next);
// The same for what was read of them: the options of `needs_restart` say what they said before.
void keep_applied(const config::AppliedValues& current,
                  const std::vector<std::string>& needs_restart, config::AppliedValues& next);

}  // namespace turnpike::server
