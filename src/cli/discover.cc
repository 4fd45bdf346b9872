// `turnpike discover`: which public address and port does a local port have?
#include <cstdio>
#include <cstdlib>

#include "cli/discover_report.h"
#include "cli/nat_options.h"
#include "net/event_loop.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* kCommand = "turnpike discover";

constexpr const char* kAbout =
    "Asks STUN servers which public address and port a local port has. The answer alone goes to\n"
    "standard output, everything else to standard error. An address counts when two servers at\n"
    "different addresses agree on it. SERVER_IP and SERVER_PUBLIC_PORT in the environment go over\n"
    "what was found.\n\n"
    "Exit codes: 0 found, 2 wrong options, 3 UDP is blocked, 4 no server reached, 5 the port is\n"
    "in use and can't be shared, 6 the NAT is symmetric, 7 only one server answered, 1 other.";

struct Options {
  client::DiscoveryOptions discovery;
  AnswerFormat format = AnswerFormat::both;
  bool accept_single = false;
  bool quiet = false;
};

CommandSyntax make_syntax() {
  CommandSyntax syntax{.name = kCommand,
                       .synopsis = "[--port PORT] [OPTION ...]",
                       .about = kAbout,
                       .options = po::options_description("Options"),
                       .positional = {}};
  add_nat_options(syntax.options);
  auto add = syntax.options.add_options();
  add("format,f", po::value<std::string>()->default_value("both"), "port, ip, both, json or env");
  add("timeout", po::value<int64_t>()->default_value(8), "seconds after which to give up when nobody answers");
  add("accept-single", po::bool_switch(), "one server's word is enough");
  add("quiet,q", po::bool_switch(), "say nothing on standard error unless something is wrong");
  return syntax;
}

Problem take_options(const ParsedOptions& given, Options& options) {
  if (auto problem = take_nat_options(given, options.discovery)) return problem;
  int64_t timeout = 8;
  if (auto problem = take_number(given, "timeout", 1, 120, timeout)) return problem;
  options.discovery.patience = seconds(timeout);
  const auto format = parse_answer_format(given.text("format"));
  if (!format) return "--format takes port, ip, both, json or env";
  options.format = *format;
  options.accept_single = given.values["accept-single"].as<bool>();
  options.quiet = given.values["quiet"].as<bool>();
  return {};
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// S0-05's override: what the user has set by hand is right, whatever a server saw.
Problem take_override(PublishedAddress& address) {
  const std::string ip = environment("SERVER_IP");
  const std::string port = environment("SERVER_PUBLIC_PORT");
  // The upstream scripts write AUTO_DETECT for "fill this in".
  if (!ip.empty() && ip != "AUTO_DETECT") address.ip = ip;
  if (port.empty() || port == "AUTO_DETECT") return {};
  const auto parsed = Endpoint::parse("0.0.0.0:" + port, 0);
  if (!parsed || parsed->port == 0) {
    return "SERVER_PUBLIC_PORT in the environment is no port: " + port;
  }
  address.port = parsed->port;
  return {};
}

PublishedAddress published(const client::DiscoveryReport& report, const Options& options) {
  return {.ip = report.result.mapped.ip.to_string(),
          .port = report.result.mapped.port,
          .local_ip = report.result.local.ip.to_string(),
          .local_port = report.result.local.port,
          .tcp = options.discovery.transport == client::ProbeTransport::tcp,
          .translated = report.result.translated};
}

void tell_progress(const client::DiscoveryReport& report, const Options& options) {
  if (report.shared) {
    std::fprintf(stderr, "%s: port %u belongs to a running program; asked beside it%s\n", kCommand,
                 unsigned{options.discovery.local.port},
                 report.taken_from_application > 0 ? ", at a cost" : "");
  }
  if (report.taken_from_application > 0) {
    std::fprintf(stderr, "%s: %llu datagrams that were meant for it came here and are lost\n",
                 kCommand, static_cast<unsigned long long>(report.taken_from_application));
  }
  if (options.quiet) return;
  std::fprintf(stderr, "%s", describe_servers(report).c_str());
}

int answer(const client::DiscoveryReport& report, const Options& options) {
  tell_progress(report, options);
  const bool single =
      report.verdict == client::DiscoveryVerdict::unconfirmed && options.accept_single;
  if (report.verdict != client::DiscoveryVerdict::found && !single) {
    const DiscoverProblem problem = explain(report, options.discovery);
    std::fprintf(stderr, "%s: %s\n%s\n", kCommand, problem.what.c_str(), problem.advice.c_str());
    return static_cast<int>(problem.exit_code);
  }
  PublishedAddress address = published(report, options);
  if (const auto problem = take_override(address)) return fail(kCommand, *problem, kExitUsage);
  std::printf("%s\n", format_answer(address, options.format).c_str());
  return kExitOk;
}

}  // namespace

int discover(Arguments arguments) {
  const ParsedOptions given = parse_options(make_syntax(), arguments);
  if (given.exit_code) return *given.exit_code;
  Options options;
  if (const auto problem = take_options(given, options)) {
    return fail(kCommand, *problem + "; see --help", kExitUsage);
  }
  net::EventLoop loop;
  RandomSource random;
  std::optional<client::DiscoveryReport> report;
  {
    client::Discovery discovery(loop, random, options.discovery,
                                [&report](const client::DiscoveryReport& told) { report = told; });
    while (!report) loop.run_turn(net::EventLoop::kForever);
  }
  return answer(*report, options);
}

}  // namespace turnpike::cli
