// `turnpike probe`: does that server relay for me?
#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/option_parser.h"
#include "cli/probe_echo.h"
#include "cli/probe_options.h"
#include "cli/probe_report.h"
#include "cli/probe_run.h"
#include "net/resolve.h"

namespace turnpike::cli {
namespace {

// The address to use of those that the name has: of the family asked for if there is one, else
// IPv4, which is what most relays relay.
Ip choose_address(const std::vector<Ip>& found, std::optional<IpFamily> family) {
  const IpFamily wanted = family.value_or(IpFamily::v4);
  const auto fits = [wanted](const Ip& ip) { return ip.family() == wanted; };
  const auto best = std::find_if(found.begin(), found.end(), fits);
  return best == found.end() ? found.front() : *best;
}

}  // namespace

int probe(Arguments arguments) {
  const auto options = parse_probe_options(arguments);
  if (!options) return options.error();
  if (options->echo_port) return run_echo(*options->echo_port);

  const auto addresses = net::resolve(options->host);
  if (!addresses) {
    return fail(kProbeCommand, options->host + ": " + addresses.error(),
                static_cast<int>(ProbeExit::unreachable));
  }
  const Endpoint server{choose_address(*addresses, options->family), options->port};
  const IpFamily relay_family = options->family.value_or(server.ip.family());

  ProbeRun run(*options, server, relay_family);
  const ProbeReport report = run.run();
  const ProbeExit exit = exit_of(report, *options);
  if (options->json) {
    print_json(report, exit);
  } else {
    print_text(report);
  }
  return static_cast<int>(exit);
}

}  // namespace turnpike::cli
