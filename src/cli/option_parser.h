// What every subcommand with a few options does with its arguments.
#pragma once

#include <optional>
#include <string>

#include <boost/program_options.hpp>

#include "cli/commands.h"

namespace turnpike::cli {

struct CommandSyntax {
  std::string name;      // "turnpike user add", for error messages.
  std::string synopsis;  // "NAME [OPTION ...]".
  std::string about;     // A sentence or a few for --help.
  boost::program_options::options_description options;
  // The option that takes the one word without a name; empty: there is none.
  std::string positional;
};

struct ParsedOptions {
  boost::program_options::variables_map values;
  std::optional<int> exit_code;  // Set: nothing is left to do but to leave with it.

  [[nodiscard]] bool has(const std::string& option) const { return values.count(option) > 0; }
  // Requires has(option).
  [[nodiscard]] std::string text(const std::string& option) const;
};

// Answers --help and reports mistakes by itself. Options can't be abbreviated: an abbreviation in a
// script breaks the day a longer name appears.
ParsedOptions parse_options(CommandSyntax syntax, Arguments arguments);

// Prints "NAME: message" on standard error and returns the code.
int fail(const std::string& command, const std::string& message, int exit_code = kExitFailure);

}  // namespace turnpike::cli
