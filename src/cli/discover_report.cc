#include "cli/discover_report.h"

#include <cerrno>

#include <fmt/format.h>

namespace turnpike::cli {

using client::DiscoveryReport;
using client::DiscoveryVerdict;
using client::ServerReport;

namespace {

std::string port_words(const DiscoveryReport& report, const client::DiscoveryOptions& options) {
  const bool tcp = options.transport == client::ProbeTransport::tcp;
  const std::string transport = tcp ? "TCP" : "UDP";
  if (report.port == 0) return "a " + transport + " port";
  return fmt::format("{} port {}", transport, report.port);
}

std::string describe(const ServerReport& server) {
  using State = ServerReport::State;
  std::string text = server.server.to_string() + ": ";
  switch (server.state) {
    case State::not_asked:
      return text + "not asked";
    case State::asked:
      text += "no answer";
      break;
    case State::answered:
      text += fmt::format("sees {}, {} ms", server.mapped->to_string(),
                          std::chrono::duration_cast<milliseconds>(server.took).count());
      break;
    case State::refused:
      return text + "nobody listens there";
    case State::unreachable:
      return text + "can't be reached";
    case State::rejected:
      return text + fmt::format("refuses with error {}", server.error);
  }
  if (server.answered_from) {
    text += fmt::format("; an answer came from {} instead and was ignored",
                        server.answered_from->to_string());
  }
  if (server.rewritten) text += "; an ALG on the way rewrites addresses in the answer";
  return text;
}

DiscoverProblem explain_in_use(const DiscoveryReport& report,
                               const client::DiscoveryOptions& options) {
  const std::string what =
      fmt::format("{} is in use ({})", port_words(report, options), report.problem->to_string());
  if (options.transport == client::ProbeTransport::tcp) {
    return {DiscoverExit::port_in_use, what,
            "No other port is tried in its place. Run this as root, which shares the listener's "
            "port at no cost for it, or stop the program for a moment."};
  }
  return {DiscoverExit::port_in_use, what,
          "No other port is tried in its place. Run this as root, which asks beside the program "
          "and takes nothing from it, or stop the program for a moment; --share joins a program "
          "that has set SO_REUSEPORT and may cost it a datagram."};
}

}  // namespace

DiscoverProblem explain(const DiscoveryReport& report, const client::DiscoveryOptions& options) {
  switch (report.verdict) {
    case DiscoveryVerdict::found:
      break;
    case DiscoveryVerdict::endpoint_dependent:
      return {DiscoverExit::endpoint_dependent,
              "the NAT is symmetric: each server sees another address of this port",
              "No address found here would work for anybody else. Forward the port on the router "
              "(its page for port forwarding or virtual servers) and set SERVER_IP and "
              "SERVER_PUBLIC_PORT by hand, or use a tunnel or a TURN relay."};
    case DiscoveryVerdict::unconfirmed:
      return {
          DiscoverExit::unconfirmed,
          fmt::format("one server alone answered, and sees {}", report.result.mapped.to_string()),
          "Whether others would see the same takes a second server at another address: name "
          "one with --server, or accept this with --accept-single."};
    case DiscoveryVerdict::udp_blocked:
      return {DiscoverExit::udp_blocked, "UDP is blocked: servers answer over TCP and not over UDP",
              "Let outgoing UDP and its answers through the firewall, or set SERVER_IP and "
              "SERVER_PUBLIC_PORT by hand, or use a tunnel."};
    case DiscoveryVerdict::servers_unreachable:
      return {DiscoverExit::servers_unreachable, "no server answered",
              "Is there a way to the Internet, and do the servers run? Name others with --server, "
              "or set SERVER_IP and SERVER_PUBLIC_PORT by hand."};
    case DiscoveryVerdict::no_server_address:
      return {DiscoverExit::servers_unreachable,
              fmt::format("no server has an IPv{} address", report.family == IpFamily::v4 ? 4 : 6),
              "Does name resolution work? Name a server by its address with --server."};
    case DiscoveryVerdict::port_in_use:
      return explain_in_use(report, options);
    case DiscoveryVerdict::not_allowed:
      return {DiscoverExit::failure,
              fmt::format("{} can't be taken: {}", port_words(report, options),
                          report.problem->to_string()),
              report.problem->code == EMFILE || report.problem->code == ENFILE
                  ? "Too many files are open: raise the limit (ulimit -n)."
                  : "Ports below 1024 need root; --local takes an address of this host."};
  }
  return {DiscoverExit::found, {}, {}};
}

std::string describe_servers(const DiscoveryReport& report) {
  std::string text;
  for (const std::string& note : report.notes) text += "  " + note + '\n';
  for (const ServerReport& server : report.result.servers) {
    if (server.state != ServerReport::State::not_asked) text += "  " + describe(server) + '\n';
  }
  return text;
}

}  // namespace turnpike::cli
