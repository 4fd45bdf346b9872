// The command line, in coturn's forms: --name=value, --name value, --flag[=on|off], -x value, -xyz.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/problem.h"
#include "config/setting.h"

namespace turnpike::config {

// Pure. What cannot be read is added to `errors`; the settings are in the order of the arguments.
std::vector<Setting> parse_command_line(std::span<const std::string> arguments,
                                        std::vector<Problem>& errors);

}  // namespace turnpike::config
