#include "auth/credentials.h"

#include <cstdio>

#include "auth/time_limited.h"
#include "cli/commands.h"
#include "cli/option_parser.h"
#include "cli/password_input.h"
#include "net/clock.h"
#include "net/tls_certificate.h"
#include "webrtc/ice_servers.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;
using webrtc::IceServer;

constexpr const char* kCredentialsCommand = "turnpike credentials";
constexpr int64_t kDefaultTtlSeconds = int64_t{24} * 60 * 60;
constexpr int64_t kMaxTtlSeconds = int64_t{10} * 366 * 24 * 60 * 60;

CommandSyntax credentials_syntax() {
  CommandSyntax syntax{
      .name = kCredentialsCommand,
      .synopsis = "--host HOST --user USER [OPTION ...]",
      .about =
          "Prints what a WebRTC page needs to use the server: the iceServers array, the whole "
          "RTCConfiguration, or\nlines for a shell.\n"
          "With a password, the user is one of the server's; with a shared secret, a user "
          "and a password that\nare good for a limited time are made from it.",
      .options = po::options_description("Options"),
      .positional = ""};
  auto add = syntax.options.add_options();
  add("host", po::value<std::string>(), "the server's name or address, as clients reach it");
  add("port", po::value<int64_t>()->default_value(3478), "port for UDP and TCP");
  add("tls-port", po::value<int64_t>(),
      "port for TLS; adds a turns: URL, if --host is a name: browsers refuse an address there");
  add("cert", po::value<std::string>(),
      "the server's certificate, a PEM file: turns: is left out unless --host is in it");
  add("transports", po::value<std::string>()->default_value("udp,tcp"),
      "what the server serves, of udp,tcp,tls");
  add("user,u", po::value<std::string>(), "the user");
  add_password_options(syntax.options, "password", Generation::not_offered);
  add_password_options(syntax.options, "secret", Generation::not_offered);
  add("format", po::value<std::string>()->default_value("array"),
      "array (iceServers), configuration (RTCConfiguration) or environment (P2P_... lines)");
  add("ttl", po::value<int64_t>(), "with a secret: seconds of validity (default 86400)");
  return syntax;
}

Result<uint16_t, std::string> port_from(const ParsedOptions& options, const std::string& option) {
  const int64_t value = options.values[option].as<int64_t>();
  if (value < 1 || value > 65535) return unexpected("--" + option + " must be from 1 to 65535");
  return static_cast<uint16_t>(value);
}

// Sets the transports of `server`; a message when something is wrong.
std::optional<std::string> take_transports(const ParsedOptions& options, IceServer& server) {
  std::string_view rest;
  const std::string list = options.text("transports");
  bool wants_tls = false;
  for (rest = list; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (word == "udp") {
      server.udp = true;
    } else if (word == "tcp") {
      server.tcp = true;
    } else if (word == "tls") {
      wants_tls = true;
    } else {
      return "--transports takes udp, tcp and tls, separated by commas, not '" + std::string(word) +
             "'";
    }
  }
  if (wants_tls && !options.has("tls-port")) return "tls in --transports needs --tls-port";
  if (options.has("tls-port")) {
    const auto tls_port = port_from(options, "tls-port");
    if (!tls_port) return tls_port.error();
    server.tls_port = *tls_port;
  }
  if (!server.udp && !server.tcp && !server.tls_port) return "--transports names none";
  return {};
}

// Why clients would refuse TLS under that host, empty when they would not. The error is for a
// certificate that cannot be read.
Result<std::string, std::string> turns_problem(const ParsedOptions& options, const UriHost& host) {
  if (host.is_address) {
    return std::string("a certificate is checked against a host name, and --host is an address");
  }
  if (!options.has("cert")) return std::string();
  const auto named = net::certificate_file_names(options.text("cert"), host.text);
  if (!named) return unexpected(named.error());
  if (*named) return std::string();
  return "the certificate is not for '" + host.text + "'";
}

void note_unchecked_name(const UriHost& host) {
  std::fprintf(stderr,
               "%s: nobody has checked that the server's certificate is for '%s', without which "
               "browsers refuse the turns: URL; --cert FILE does\n",
               kCredentialsCommand, host.text.c_str());
}

std::optional<std::string> take_public_server(const ParsedOptions& options, IceServer& server) {
  if (!options.has("host"))
    return "--host is missing: under which name do clients reach the server?";
  const auto host = UriHost::parse(options.text("host"));
  if (!host) return "--host is neither a host name nor an IP address";
  server.host = *host;
  const auto port = port_from(options, "port");
  if (!port) return port.error();
  server.port = *port;
  if (auto problem = take_transports(options, server)) return problem;
  if (!server.tls_port) {
    if (options.has("cert")) return "--cert goes with --tls-port";
    return {};
  }
  const auto problem = turns_problem(options, server.host);
  if (!problem) return problem.error();
  if (problem->empty()) {
    if (!options.has("cert")) note_unchecked_name(server.host);
    return {};
  }
  if (!server.udp && !server.tcp) return "no turns: URL: " + *problem;
  server.tls_port.reset();
  std::fprintf(stderr, "%s: no turns: URL: %s\n", kCredentialsCommand, problem->c_str());
  return {};
}

std::optional<std::string> take_password_user(const ParsedOptions& options, IceServer& server) {
  if (options.has("ttl")) return "--ttl goes with --secret: a password has no end";
  auto password = take_password(options, "password");
  if (!password) return password.error();
  server.credential = std::move(password->text);
  return {};
}

std::optional<std::string> take_secret_user(const ParsedOptions& options, IceServer& server) {
  const int64_t ttl = options.has("ttl") ? options.values["ttl"].as<int64_t>() : kDefaultTtlSeconds;
  if (ttl < 1 || ttl > kMaxTtlSeconds) return "--ttl must be from 1 second to ten years";
  const auto secret = take_password(options, "secret");
  if (!secret) return secret.error();
  const int64_t expires = unix_seconds(net::wall_now()) + ttl;
  server.username = std::to_string(expires) + ":" + server.username;
  server.credential = auth::time_limited_password(secret->text, server.username);
  return {};
}

std::optional<std::string> take_user(const ParsedOptions& options, IceServer& server) {
  if (!options.has("user")) return "--user is missing";
  server.username = options.text("user");
  if (auto problem = problem_with(server.username, "user", auth::kMaxUsernameSize)) return problem;
  const bool password = options.has("password") || options.has("password-stdin");
  const bool secret = options.has("secret") || options.has("secret-stdin");
  if (password == secret) return "give either a password or a shared secret";
  return secret ? take_secret_user(options, server) : take_password_user(options, server);
}

using Print = std::string (*)(const IceServer&);

// nullptr: there is no such format.
Print find_format(std::string_view name) {
  if (name == "array") return webrtc::ice_servers_json;
  if (name == "configuration") return webrtc::rtc_configuration_json;
  if (name == "environment") return webrtc::environment_lines;
  return nullptr;
}

}  // namespace

int credentials(Arguments arguments) {
  const ParsedOptions options = parse_options(credentials_syntax(), arguments);
  if (options.exit_code) return *options.exit_code;
  const auto print = find_format(options.text("format"));
  if (print == nullptr) {
    return fail(kCredentialsCommand, "--format takes array, configuration or environment",
                kExitUsage);
  }
  IceServer server;
  if (auto problem = take_public_server(options, server))
    return fail(kCredentialsCommand, *problem, kExitUsage);
  if (auto problem = take_user(options, server))
    return fail(kCredentialsCommand, *problem, kExitUsage);
  std::fputs(print(server).c_str(), stdout);
  return kExitOk;
}

}  // namespace turnpike::cli
