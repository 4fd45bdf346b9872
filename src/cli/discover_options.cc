#include "cli/discover_options.h"

#include <cstdlib>

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* kAboutDiscover =
    "Asks STUN servers which public address and port a local port has. The answer alone goes to\n"
    "standard output, everything else to standard error. An address counts when two servers at\n"
    "different addresses agree on it. SERVER_IP and SERVER_PUBLIC_PORT in the environment go over\n"
    "what was found; where nothing was found, both of them together are the answer.\n\n"
    "A UDP port that a program has is asked about beside it, by a raw socket (root): the program\n"
    "loses nothing, and gets the servers' answers to us as well, which it has to pass over.\n\n"
    "--write puts the address into a configuration file in place; the text from before the first\n"
    "change stays in FILE.bak.\n"
    "--exec runs a command with SERVER_IP, SERVER_ADDR, SERVER_PORT, SERVER_PUBLIC_PORT,\n"
    "PUBLIC_ADDRESS, LOCAL_IP and TRANSPORT in its environment, once for each change; an address\n"
    "that the file has already is none. A change whose command a crash prevented is noted in\n"
    "FILE.hook, and the next run makes up for it.\n\n"
    "Exit codes: 0 found, 2 wrong options, 3 UDP is blocked, 4 no server reached, 5 the port is\n"
    "in use and can't be shared, 6 the NAT is symmetric, 7 only one server answered, 1 other.";

CommandSyntax discover_syntax() {
  CommandSyntax syntax{.name = kDiscoverCommand,
                       .synopsis = "[--port PORT] [OPTION ...]",
                       .about = kAboutDiscover,
                       .options = po::options_description("Options"),
                       .positional = {}};
  add_nat_options(syntax.options);
  auto add = syntax.options.add_options();
  add("format,f", po::value<std::string>()->default_value("both"), "port, ip, both, json or env");
  add("timeout", po::value<int64_t>()->default_value(8),
      "seconds after which to give up when nobody answers");
  add("accept-single", po::bool_switch(), "one server's word is enough");
  add("write", po::value<std::string>(), "update this file");
  add("template", po::value<std::string>(),
      "what kind of file it is: json, env, kamailio, freeswitch or pm2");
  add("exec", po::value<std::string>(), "a command for the shell, run when the address changed");
  add("watch", po::bool_switch(), "go on, and publish every change");
  add("interval", po::value<int64_t>()->default_value(30), "seconds between two looks");
  add("quiet,q", po::bool_switch(), "say nothing on standard error unless something is wrong");
  return syntax;
}

Problem take_publishing(const ParsedOptions& given, DiscoverOptions& options) {
  if (given.has("write") != given.has("template")) return "--write and --template go together";
  if (given.has("write")) {
    options.publish.file = given.text("write");
    if (options.publish.file.empty()) return "--write takes the name of a file";
    const auto form = nat::parse_template(given.text("template"));
    if (!form) return "--template takes json, env, kamailio, freeswitch or pm2";
    options.publish.form = *form;
  }
  if (given.has("exec")) options.publish.hook = given.text("exec");
  return {};
}

Problem take_all(const ParsedOptions& given, DiscoverOptions& options) {
  if (auto problem = take_nat_options(given, options.discovery)) return problem;
  if (auto problem = take_publishing(given, options)) return problem;
  int64_t timeout = 8;
  int64_t interval = 30;
  if (auto problem = take_number(given, "timeout", 1, 120, timeout)) return problem;
  if (auto problem = take_number(given, "interval", 1, 86400, interval)) return problem;
  options.discovery.patience = seconds(timeout);
  options.interval = seconds(interval);
  const auto format = nat::parse_answer_format(given.text("format"));
  if (!format) return "--format takes port, ip, both, json or env";
  options.format = *format;
  options.accept_single = given.values["accept-single"].as<bool>();
  options.quiet = given.values["quiet"].as<bool>();
  options.watch = given.values["watch"].as<bool>();
  return {};
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<DiscoverOptions, int> parse_discover_options(Arguments arguments) {
  const ParsedOptions given = parse_options(discover_syntax(), arguments);
  if (given.exit_code) return unexpected(*given.exit_code);
  DiscoverOptions options;
  if (const auto problem = take_all(given, options)) {
    return unexpected(fail(kDiscoverCommand, *problem + "; see --help", kExitUsage));
  }
  return options;
}

void Overrides::apply(nat::PublishedAddress& address) const {
  if (!ip.empty()) address.ip = ip;
  if (port != 0) address.port = port;
}

Result<Overrides, std::string> overrides_from_environment() {
  const std::string ip = environment("SERVER_IP");
  const std::string port = environment("SERVER_PUBLIC_PORT");
  Overrides overrides;
  // Scripts in the field write AUTO_DETECT for "fill this in".
  if (!ip.empty() && ip != "AUTO_DETECT") {
    if (!nat::is_plain_host(ip)) {
      return unexpected("SERVER_IP in the environment is no address: " + ip);
    }
    overrides.ip = ip;
  }
  if (port.empty() || port == "AUTO_DETECT") return overrides;
  const auto parsed = Endpoint::parse("0.0.0.0:" + port, 0);
  if (!parsed || parsed->port == 0) {
    return unexpected("SERVER_PUBLIC_PORT in the environment is no port: " + port);
  }
  overrides.port = parsed->port;
  return overrides;
}

}  // namespace turnpike::cli
