#include "cli/probe_options.h"

#include "cli/option_parser.h"
#include "cli/probe_report.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

CommandSyntax probe_syntax() {
  CommandSyntax syntax{.name = kProbeCommand,
                       .synopsis =
                           "--host HOST --user USER --password PASSWORD [OPTION ...]\n"
                           "       turnpike probe turn:HOST[:PORT] ...\n"
                           "       turnpike probe stun:HOST[:PORT]      Binding only\n"
                           "       turnpike probe --echo PORT",
                       .about = kProbeAbout,
                       .options = po::options_description("Options"),
                       .positional = "uri"};
  add_target_options(syntax.options);
  auto add = syntax.options.add_options();
  add("peer", po::value<std::string>(), "IP:PORT of a `turnpike probe --echo` to relay to");
  add("echo", po::value<int64_t>(), "answer the probes that come to this UDP port, until stopped");
  add("count", po::value<int64_t>()->default_value(10), "datagrams each way in each test");
  add("timeout", po::value<int64_t>()->default_value(5), "seconds to wait for an answer");
  add("json", po::bool_switch(), "report as JSON");
  return syntax;
}

Problem take_probe(const ParsedOptions& given, ProbeOptions& options) {
  int64_t count = 10;
  int64_t timeout = 5;
  int64_t echo = 0;
  if (auto problem = take_number(given, "count", 1, 10000, count)) return problem;
  if (auto problem = take_number(given, "timeout", 1, 120, timeout)) return problem;
  if (auto problem = take_number(given, "echo", 1, 65535, echo)) return problem;
  options.count = static_cast<uint32_t>(count);
  options.patience = seconds(timeout);
  options.json = given.values["json"].as<bool>();
  if (given.has("echo")) {
    if (given.has("host") || given.has("uri")) return "--echo probes no server: leave it away";
    options.echo_port = static_cast<uint16_t>(echo);
    return {};
  }
  if (given.has("peer")) {
    options.echo_peer = Endpoint::parse(given.text("peer"), 0);
    if (!options.echo_peer || options.echo_peer->port == 0) {
      return "--peer must be IP:PORT, with an IPv6 address in brackets";
    }
  }
  if (auto problem = take_target_options(given, options.target)) return problem;
  if (options.target.transport != Transport::udp) {
    return "only UDP can be probed so far, not " + given.text("uri");
  }
  return {};
}

}  // namespace

Result<ProbeOptions, int> parse_probe_options(Arguments arguments) {
  const ParsedOptions given = parse_options(probe_syntax(), arguments);
  if (given.exit_code) return unexpected(*given.exit_code);
  ProbeOptions options;
  if (const auto problem = take_probe(given, options)) {
    return unexpected(fail(kProbeCommand, *problem + "; see --help", kExitUsage));
  }
  return options;
}

}  // namespace turnpike::cli
