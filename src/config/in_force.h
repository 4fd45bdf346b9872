// The configuration in force, option by option, for programs to read.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"

namespace turnpike::config {

struct OptionInForce {
  std::string name;
  std::vector<std::string> values;  // Secrets are masked. Empty: not set, and there is no default.
  bool is_list = false;             // It may be repeated.
  std::string source;               // "default", "command line", "FILE:12".
};

// Every option that is ours to obey, in the order of the documentation.
std::vector<OptionInForce> options_in_force(const AppliedValues& applied);

}  // namespace turnpike::config
