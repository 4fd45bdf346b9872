// Runs a subcommand inside the test's process and keeps what it wrote.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace turnpike::cli {

struct CommandResult {
  int exit_code;
  std::string output;
  std::string errors;
};

// `input` is what the command finds on standard input; it must fit into a pipe (a few KiB).
CommandResult run_command(int (*command)(Arguments), const std::vector<std::string>& arguments,
                          const std::string& input = {});

}  // namespace turnpike::cli
