#include <array>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "net/event_loop.h"
#include "turnpike/version.h"

namespace turnpike::cli {
namespace {

struct Command {
  std::string_view name;
  int (*run)(Arguments);
  std::string_view summary;
};

constexpr std::array kCommands = {
    Command{"serve", serve, "run the STUN/TURN server"},
    Command{"check", check, "validate a configuration; --print shows it"},
    Command{"health", health, "ask the server of this host whether it is well"},
    Command{"user", user, "add, remove and list users of the SQLite database"},
    Command{"secret", secret, "add, remove and list shared secrets"},
    Command{"realm", realm, "realms by ORIGIN, and limits of realms"},
    Command{"credentials", credentials, "the iceServers JSON for a WebRTC page"},
    Command{"status", status, "how a running server is"},
    Command{"sessions", sessions, "who relays through a running server"},
    Command{"kill", kill, "end sessions of a running server"},
    Command{"drain", drain, "let a running server end when its sessions have"},
    Command{"reload", reload, "make a running server read its configuration again"},
    Command{"log-level", log_level, "the log level of a running server"},
    Command{"doctor", doctor, "what is wrong with this host and server, and what to do"},
    Command{"import-coturn", import_coturn, "what a turnserver.conf and its database mean here"},
    Command{"probe", probe, "test a server: bind, allocate, relay"},
    Command{"load", load, "load a server with many clients and measure it"},
    Command{"discover", discover, "the public address and port of a local port"},
    Command{"nat", nat, "which kind of NAT is in the way"},
};

void print_usage(std::FILE* out) {
  std::fprintf(out, "usage: turnpike COMMAND [OPTION ...]\n\n");
  for (const Command& command : kCommands) {
    std::fprintf(out, "  %-14s %s\n", command.name.data(), command.summary.data());
  }
  std::fprintf(out, "\n`turnpike COMMAND --help` tells more; `turnpike --version` the version.\n");
}

int run_command(std::span<const std::string> arguments) {
  if (arguments.empty()) {
    print_usage(stderr);
    return kExitUsage;
  }
  const std::string& first = arguments.front();
  if (first == "--help" || first == "-h" || first == "help") {
    print_usage(stdout);
    return kExitOk;
  }
  if (first == "--version") {
    std::printf("turnpike %s\n", kVersion.data());
    return kExitOk;
  }
  for (const Command& command : kCommands) {
    if (command.name != first) continue;
    net::log_event_errors();
    return command.run(arguments.subspan(1));
  }
  std::fprintf(stderr, "turnpike: there is no command '%s'\n\n", first.c_str());
  print_usage(stderr);
  return kExitUsage;
}

}  // namespace
}  // namespace turnpike::cli

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return turnpike::cli::run_command(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "turnpike: %s\n", error.what());
    return turnpike::cli::kExitFailure;
  }
}
