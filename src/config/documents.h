// The texts that are made from the option table.
#pragma once

#include <string>

#include "config/load.h"

namespace turnpike::config {

// The options of `turnpike serve` and `turnpike check`, grouped, for a terminal.
std::string help_text();

// A configuration file with every option: what is in force as settings, secrets masked, the rest as
// comments with the default. Of a result in which nothing was set this is etc/turnpike.conf.
std::string configuration_text(const AppliedValues& applied);

// etc/README.md: our options, and what becomes of each option of coturn.
std::string reference_text();

}  // namespace turnpike::config
