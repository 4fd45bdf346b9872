// `turnpike nat`: which kind of NAT is in the way?
#include <cstdio>

#include "cli/discover_report.h"
#include "cli/nat_options.h"
#include "cli/nat_report.h"
#include "cli/password_input.h"
#include "net/event_loop.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* kNatCommand = "turnpike nat";

constexpr const char* kAboutNat =
    "Tests how the NAT in the way maps ports and filters what comes in (RFC 5780), names it by\n"
    "RFC 3489 and as NAT0 to NAT4, and says what to do about it. Filtering takes a server with\n"
    "two addresses; over TCP it also takes a user of one that connects back (tcp-connect-back),\n"
    "given by --user and --password. With --port a port is tested that was forwarded on the "
    "router.\n\n"
    "Exit codes: 0 tested, whatever came out, 2 wrong options, 3 UDP is blocked, 4 no server\n"
    "reached, 5 the port is in use and can't be shared, 7 neither axis could be told, 1 other.";

CommandSyntax nat_syntax() {
  CommandSyntax syntax{.name = kNatCommand,
                       .synopsis = "--server HOST[:PORT] [OPTION ...]",
                       .about = kAboutNat,
                       .options = po::options_description("Options"),
                       .positional = {}};
  add_nat_options(syntax.options);
  auto add = syntax.options.add_options();
  add("lifetime", po::value<int64_t>()->implicit_value(180),
      "also measure how long a mapping lasts, waiting at most so many seconds (180)");
  add("no-hairpin", po::bool_switch(), "leave the hairpin test out");
  add("no-fragments", po::bool_switch(), "leave the fragments test out");
  add("user,u", po::value<std::string>(),
      "with --tcp: a user of the server, which then connects back to test filtering");
  add_password_options(syntax.options, "password", Generation::not_offered);
  add("json", po::bool_switch(), "report as JSON");
  return syntax;
}

Problem take_user_of_server(const ParsedOptions& given, client::NatProbeOptions& options) {
  const bool password = given.has("password") || given.has("password-stdin");
  if (given.has("user") != password) return "--user and --password go together";
  if (!password) return {};
  if (options.where.transport != client::ProbeTransport::tcp) {
    return "--user and --password are for --tcp: over UDP filtering is tested without";
  }
  const auto text = take_password(given, "password");
  if (!text) return text.error();
  options.credentials.username = given.text("user");
  options.credentials.password = text->text;
  return {};
}

Problem take_tests(const ParsedOptions& given, client::NatProbeOptions& options) {
  if (auto problem = take_nat_options(given, options.where)) return problem;
  int64_t lifetime = 0;
  if (auto problem = take_number(given, "lifetime", 5, 1200, lifetime)) return problem;
  if (lifetime != 0) options.longest_lifetime = seconds(lifetime);
  if (lifetime != 0 && options.where.transport == client::ProbeTransport::tcp) {
    return "--lifetime is for UDP";
  }
  if (auto problem = take_user_of_server(given, options)) return problem;
  options.test_hairpin = !given.values["no-hairpin"].as<bool>();
  options.test_fragments = !given.values["no-fragments"].as<bool>();
  return {};
}

DiscoverExit exit_code(const client::NatReport& report) {
  const client::NatResult& result = report.result;
  switch (result.presence) {
    case client::NatPresence::blocked:
      return report.tcp_answers ? DiscoverExit::udp_blocked : DiscoverExit::servers_unreachable;
    case client::NatPresence::none:
    case client::NatPresence::translated:
      break;
    case client::NatPresence::unknown:
      return report.no_server_address ? DiscoverExit::servers_unreachable
                                      : DiscoverExit::unconfirmed;
  }
  const bool unknown = result.mapping == client::NatBehavior::unknown &&
                       result.filtering == client::NatBehavior::unknown;
  return unknown ? DiscoverExit::unconfirmed : DiscoverExit::found;
}

int fail_port(const client::NatReport& report, const client::NatProbeOptions& options) {
  client::DiscoveryReport told;
  told.problem = report.problem;
  told.verdict = report.problem->code == EADDRINUSE ? client::DiscoveryVerdict::port_in_use
                                                    : client::DiscoveryVerdict::not_allowed;
  const DiscoverProblem problem = explain(told, options.where);
  std::fprintf(stderr, "%s: %s\n%s\n", kNatCommand, problem.what.c_str(), problem.advice.c_str());
  return static_cast<int>(problem.exit_code);
}

}  // namespace

int nat(Arguments arguments) {
  const ParsedOptions given = parse_options(nat_syntax(), arguments);
  if (given.exit_code) return *given.exit_code;
  client::NatProbeOptions options;
  if (const auto problem = take_tests(given, options)) {
    return fail(kNatCommand, *problem + "; see --help", kExitUsage);
  }
  net::EventLoop loop;
  RandomSource random;
  std::optional<client::NatReport> report;
  {
    const client::NatProbe probe(loop, random, options,
                                 [&report](const client::NatReport& told) { report = told; });
    while (!report) loop.run_turn(net::EventLoop::kForever);
  }
  if (report->problem) return fail_port(*report, options);
  const bool json = given.values["json"].as<bool>();
  const std::string text = json ? nat_json(*report, options) : nat_text(*report, options);
  std::printf("%s", text.c_str());
  return static_cast<int>(exit_code(*report));
}

}  // namespace turnpike::cli
