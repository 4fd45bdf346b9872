// `turnpike check`: what is wrong with a configuration, and what it amounts to.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "config/documents.h"
#include "config/load.h"
#include "net/tls_context.h"
#include "server/setup.h"
#include "turnpike/version.h"

namespace turnpike::cli {
namespace {

constexpr const char* kUsage =
    "usage: turnpike check [-c FILE] [OPTION ...] [--print | --print-reference]\n"
    "\n"
    "Reads file, environment and options as `turnpike serve` does and names every problem, with\n"
    "its line, on standard error. Ends with 0 when the server would start (there may be warnings)\n"
    "and with 2 when it would not. Files of TLS that are missing or of no use here are a warning.\n"
    "\n"
    "  --print\n"
    "        Writes the configuration in force to standard output, as a file that holds every\n"
    "        option; passwords and secrets are masked.\n"
    "  --print-reference\n"
    "        Writes the configuration reference (etc/README.md) to standard output.\n"
    "\n";

// Takes `flag` out of `arguments`.
bool take_flag(std::vector<std::string>& arguments, const char* flag) {
  return std::erase(arguments, flag) > 0;
}

// Nothing was said anywhere, so there is nothing to judge: --print then shows the defaults.
bool nothing_is_configured(const std::vector<std::string>& arguments,
                           const config::LoadResult& result) {
  return arguments.empty() && result.file.empty() && result.applied.empty();
}

// Files may well be in order on the host that the configuration is for, so this is no error.
void try_tls(config::LoadResult& result) {
  if (!result.ok() || !server::serves_tls(result.config)) return;
  const auto context = net::TlsContext::make(server::make_tls_settings(result.config), nullptr);
  if (context) return;
  result.warnings.push_back(
      config::problem_at(config::place_of(result.applied, "cert"),
                         "no server would start on this host: " + context.error()));
}

void print_summary(const config::LoadResult& result) {
  const std::string file = result.file.empty() ? "no file" : result.file;
  std::fprintf(stderr, "%s: %zu errors, %zu warnings\n", file.c_str(), result.errors.size(),
               result.warnings.size());
}

}  // namespace

int check(Arguments given) {
  std::vector<std::string> arguments(given.begin(), given.end());
  const bool print_reference = take_flag(arguments, "--print-reference");
  const bool print = take_flag(arguments, "--print");
  if (print_reference) {
    std::fputs(config::reference_text().c_str(), stdout);
    return kExitOk;
  }
  config::LoadResult result = config::load(arguments, config::system_environment());
  if (result.request == config::Request::help) {
    std::fputs((kUsage + config::help_text()).c_str(), stdout);
    return kExitOk;
  }
  if (result.request == config::Request::version) {
    std::printf("turnpike %s\n", kVersion.data());
    return kExitOk;
  }
  if (print) std::fputs(config::configuration_text(result.applied).c_str(), stdout);
  if (print && nothing_is_configured(arguments, result)) return kExitOk;
  try_tls(result);
  std::fputs(config::report_text(result).c_str(), stderr);
  print_summary(result);
  return result.ok() ? kExitOk : kExitUsage;
}

}  // namespace turnpike::cli
