#include "cli/target_options.h"

#include <algorithm>
#include <vector>

#include "auth/time_limited.h"
#include "cli/password_input.h"
#include "client/turn_uri.h"
#include "net/clock.h"
#include "net/resolve.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

// Long enough for any probe, short enough to be of no use to whoever finds it in a log.
constexpr int64_t kSecretLifetimeSeconds = 3600;

// As it can be pasted into a shell.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@+/";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

Problem take_uri(const ParsedOptions& given, TargetOptions& options) {
  const std::string text = given.text("uri");
  if (given.has("host")) return "give either --host or a URI";
  const auto uri = client::ServerUri::parse(text);
  if (!uri) return "'" + text + "' is not a turn: or stun: URI, such as turn:example.org:3478";
  // RFC 7065 section 3.1: udp unless written, tcp for turns:.
  const bool stream = uri->transport.empty() ? uri->secure : uri->transport == "tcp";
  options.transport = stream ? (uri->secure ? Transport::tls : Transport::tcp)
                             : (uri->secure ? Transport::dtls : Transport::udp);
  options.host = uri->host;
  options.port = uri->port;
  options.relays = uri->relays;
  return {};
}

Problem take_server(const ParsedOptions& given, TargetOptions& options) {
  if (given.has("uri")) {
    if (auto problem = take_uri(given, options)) return problem;
  } else if (given.has("host")) {
    options.host = given.text("host");
  } else {
    return "--host is missing: which server?";
  }
  int64_t port = options.port;
  if (auto problem = take_number(given, "port", 1, 65535, port)) return problem;
  options.port = static_cast<uint16_t>(port);
  return {};
}

Problem take_style(const ParsedOptions& given, client::Credentials& credentials) {
  const std::string style = given.text("auth");
  if (style == "auto") {
    credentials.style = client::CredentialStyle::automatic;
  } else if (style == "rfc5389") {
    credentials.style = client::CredentialStyle::rfc5389;
  } else if (style == "md5") {
    credentials.style = client::CredentialStyle::md5;
  } else if (style == "sha256") {
    credentials.style = client::CredentialStyle::sha256;
  } else {
    return "--auth takes auto, rfc5389, md5 or sha256";
  }
  return {};
}

Problem take_credentials(const ParsedOptions& given, TargetOptions& options) {
  client::Credentials& credentials = options.credentials;
  if (auto problem = take_style(given, credentials)) return problem;
  const bool password = given.has("password") || given.has("password-stdin");
  const bool secret = given.has("secret") || given.has("secret-stdin");
  const bool none = given.values["no-auth"].as<bool>();
  if (none && (password || secret || given.has("user"))) {
    return "--no-auth goes without user, password and secret";
  }
  if (none) options.credential_words = "--no-auth";
  if (none || !options.relays) return {};
  if (password == secret) {
    return "give --user with --password, or --secret, or --no-auth";
  }
  if (given.has("user")) credentials.username = given.text("user");
  const auto text = take_password(given, password ? "password" : "secret");
  if (!text) return text.error();
  if (password) {
    if (credentials.username.empty()) return "--user is missing";
    credentials.password = text->text;
    options.credential_words =
        "--user " + shell_word(credentials.username) + " --password PASSWORD";
    return {};
  }
  const int64_t expires = unix_seconds(net::wall_now()) + kSecretLifetimeSeconds;
  const std::string name = credentials.username.empty() ? "probe" : credentials.username;
  options.credential_words = "--user " + shell_word(name) + " --secret SECRET";
  credentials.username = std::to_string(expires) + ":" + name;
  credentials.password = auth::time_limited_password(text->text, credentials.username);
  return {};
}

// The address to use of those that the name has: of the family asked for if there is one, else
// IPv4, which is what most relays relay.
Ip choose_address(const std::vector<Ip>& found, std::optional<IpFamily> family) {
  const IpFamily wanted = family.value_or(IpFamily::v4);
  const auto fits = [wanted](const Ip& ip) { return ip.family() == wanted; };
  const auto best = std::find_if(found.begin(), found.end(), fits);
  return best == found.end() ? found.front() : *best;
}

}  // namespace

void add_target_options(po::options_description& options) {
  auto add = options.add_options();
  add("host", po::value<std::string>(), "the server's name or address");
  add("port", po::value<int64_t>(), "its port (default 3478)");
  add("uri", po::value<std::string>(), "both in one, as in iceServers");
  add("user,u", po::value<std::string>(), "the user; with a secret any name will do");
  add_password_options(options, "password", Generation::not_offered);
  add_password_options(options, "secret", Generation::not_offered);
  add("no-auth", po::bool_switch(), "use no credentials: the server has none");
  add("auth", po::value<std::string>()->default_value("auto"),
      "auto, rfc5389 (as browsers do), md5 or sha256 (RFC 8489, that algorithm only)");
  add("ipv4", po::bool_switch(), "relay IPv4, and reach the server over IPv4 if it has it");
  add("ipv6", po::bool_switch(), "relay IPv6, and reach the server over IPv6 if it has it");
}

Problem take_number(const ParsedOptions& given, const std::string& name, int64_t lowest,
                    int64_t highest, int64_t& out) {
  if (!given.has(name)) return {};
  out = given.values[name].as<int64_t>();
  if (out >= lowest && out <= highest) return {};
  return "--" + name + " must be from " + std::to_string(lowest) + " to " + std::to_string(highest);
}

Problem take_target_options(const ParsedOptions& given, TargetOptions& options) {
  if (auto problem = take_server(given, options)) return problem;
  const bool v4 = given.values["ipv4"].as<bool>();
  const bool v6 = given.values["ipv6"].as<bool>();
  if (v4 && v6) return "give --ipv4 or --ipv6, not both";
  if (v4) options.family = IpFamily::v4;
  if (v6) options.family = IpFamily::v6;
  return take_credentials(given, options);
}

Result<Target, std::string> resolve_target(const TargetOptions& options) {
  const auto addresses = net::resolve(options.host);
  if (!addresses) return unexpected(options.host + ": " + addresses.error());
  const Endpoint server{choose_address(*addresses, options.family), options.port};
  return Target{server, options.family.value_or(server.ip.family())};
}

}  // namespace turnpike::cli
