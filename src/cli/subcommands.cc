#include "cli/subcommands.h"

#include <cstdio>

namespace turnpike::cli {
namespace {

void print_subcommands(std::FILE* out, const std::string& command,
                       std::span<const Subcommand> subcommands) {
  std::fprintf(out, "usage: %s VERB [OPTION ...]\n\n", command.c_str());
  for (const Subcommand& subcommand : subcommands) {
    std::fprintf(out, "  %-14s %s\n", std::string(subcommand.name).c_str(),
                 std::string(subcommand.summary).c_str());
  }
  std::fprintf(out, "\n`%s VERB --help` tells more.\n", command.c_str());
}

}  // namespace

int run_subcommand(const std::string& command, std::span<const Subcommand> subcommands,
                   Arguments arguments) {
  if (arguments.empty()) {
    print_subcommands(stderr, command, subcommands);
    return kExitUsage;
  }
  const std::string& verb = arguments.front();
  if (verb == "--help" || verb == "-h" || verb == "help") {
    print_subcommands(stdout, command, subcommands);
    return kExitOk;
  }
  for (const Subcommand& subcommand : subcommands) {
    if (subcommand.name == verb) return subcommand.run(arguments.subspan(1));
  }
  std::fprintf(stderr, "%s: there is no verb '%s'\n\n", command.c_str(), verb.c_str());
  print_subcommands(stderr, command, subcommands);
  return kExitUsage;
}

}  // namespace turnpike::cli
