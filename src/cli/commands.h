// The subcommands of the `turnpike` binary, one file each. Every function takes the arguments after
// the subcommand's name and returns the exit code.
#pragma once

#include <span>
#include <string>

namespace turnpike::cli {

using Arguments = std::span<const std::string>;

// Exit codes that every subcommand shares.
constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;  // It was understood and could not be done.
constexpr int kExitUsage = 2;    // Wrong options or configuration; nothing was done.

int serve(Arguments arguments);
int check(Arguments arguments);
int health(Arguments arguments);
int user(Arguments arguments);
int secret(Arguments arguments);
int realm(Arguments arguments);
int credentials(Arguments arguments);
int probe(Arguments arguments);
int load(Arguments arguments);
int discover(Arguments arguments);
int nat(Arguments arguments);
int status(Arguments arguments);
int sessions(Arguments arguments);
int kill(Arguments arguments);
int drain(Arguments arguments);
int reload(Arguments arguments);
int log_level(Arguments arguments);
int doctor(Arguments arguments);
int import_coturn(Arguments arguments);

}  // namespace turnpike::cli
