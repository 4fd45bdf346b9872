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
  add("transport", po::value<std::string>(),
      "udp, tcp, tls or dtls to the server (default: what the URI says, or udp)");
  add("insecure", po::bool_switch(), "with tls and dtls: any certificate of the server will do");
  add("ca-file", po::value<std::string>(),
      "with tls and dtls: a PEM file of authorities to trust, too");
  add("client-cert", po::value<std::string>(), "for a server that asks for one: a PEM file");
  add("client-key", po::value<std::string>(), "its key, if it is in another file");
  add("peer", po::value<std::string>(), "IP:PORT of a `turnpike probe --echo` to relay to");
  add("echo", po::value<int64_t>(), "answer the probes that come to this UDP port, until stopped");
  add("count", po::value<int64_t>()->default_value(10),
      "datagrams each way in each test; more where one kind of packet seems to be dropped");
  add("timeout", po::value<int64_t>()->default_value(5), "seconds to wait for an answer");
  add("json", po::bool_switch(), "report as JSON");
  return syntax;
}

Problem take_probe_transport(const ParsedOptions& given, ProbeOptions& options) {
  TargetOptions& target = options.target;
  if (given.has("transport")) {
    const std::string word = given.text("transport");
    bool known = false;
    for (const Transport each : {Transport::udp, Transport::tcp, Transport::tls, Transport::dtls}) {
      if (word != to_string(each)) continue;
      known = true;
      target.transport = each;
    }
    if (!known) return "--transport takes udp, tcp, tls or dtls";
  }
  const bool secure = target.transport == Transport::tls || target.transport == Transport::dtls;
  const bool insecure = given.values["insecure"].as<bool>();
  if (!secure) {
    if (insecure || given.has("ca-file")) return "--insecure and --ca-file are for TLS and DTLS";
    return {};
  }
  constexpr uint16_t kSecurePort = 5349;
  if (!given.has("port") && !given.has("uri")) target.port = kSecurePort;
  auto made = net::TlsClientContext::make(net::TlsClientSettings{
      .verify = insecure ? net::TlsVerify::none : net::TlsVerify::by_system,
      .ca_file = given.has("ca-file") ? given.text("ca-file") : "",
      .certificate_file = given.has("client-cert") ? given.text("client-cert") : "",
      .key_file = given.has("client-key") ? given.text("client-key") : ""});
  if (!made) return "TLS: " + made.error();
  options.tls = std::move(*made);
  return {};
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
  return take_probe_transport(given, options);
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
