// Commands that have a verb: `turnpike user add`.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/commands.h"

namespace turnpike::cli {

struct Subcommand {
  std::string_view name;
  int (*run)(Arguments);
  std::string_view summary;
};

int run_subcommand(const std::string& command, std::span<const Subcommand> subcommands,
                   Arguments arguments);

}  // namespace turnpike::cli
