// Credentials and peers: who may relay, and to whom.
#include <algorithm>

#include "base/hex.h"
#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

// RFC 8489 sections 14.3 and 14.9.
constexpr size_t kMaxNameSize = 508;
constexpr size_t kMaxRealmSize = 763;

Complaint add_user(Config& config, std::string_view value) {
  const size_t colon = value.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == value.size()) {
    return "must be NAME:PASSWORD or NAME:0xKEY";
  }
  User user{std::string(value.substr(0, colon)), std::string(value.substr(colon + 1)), {}};
  if (user.name.size() > kMaxNameSize) return "has a name that is longer than 508 bytes";
  if (user.password.starts_with("0x")) {
    std::array<uint8_t, 16> key{};
    if (!from_hex(std::string_view(user.password).substr(2), key)) {
      return "has a key that is not 0x and 32 hexadecimal digits (no password may begin with 0x)";
    }
    user.md5_key = key;
    user.password.clear();
  }
  const auto same_name = std::find_if(config.users.begin(), config.users.end(),
                                      [&](const User& other) { return other.name == user.name; });
  // As in coturn the last one counts, so that a later source can change a password.
  if (same_name != config.users.end()) config.users.erase(same_name);
  config.users.push_back(std::move(user));
  return {};
}

Complaint set_first_user(Config& config, std::string_view value) {
  if (value.empty()) return "must not be empty";
  if (value.size() > kMaxNameSize) return "must not be longer than 508 bytes";
  if (std::any_of(value.begin(), value.end(),
                  [](char c) { return c >= 0 && (c < 32 || c == 127); })) {
    return "must not have a control character in it";
  }
  config.first_user = value;
  return {};
}

Complaint set_realm(Config& config, std::string_view value) {
  if (value.empty()) return "must not be empty";
  if (value.size() > kMaxRealmSize) return "must not be longer than 763 bytes";
  config.realm = value;
  config.realm_is_set = true;
  return {};
}

Complaint set_server_name(Config& config, std::string_view value) {
  constexpr size_t kMaxServerNameSize = 255;  // As in coturn.
  if (value.empty()) return "must not be empty";
  if (value.size() > kMaxServerNameSize) return "must not be longer than 255 bytes";
  config.server_name = value;
  return {};
}

Complaint add_secret(Config& config, std::string_view value) {
  if (value.empty()) return "must not be empty";
  config.static_auth_secrets.emplace_back(value);
  config.use_auth_secret = true;
  return {};
}

Complaint set_separator(Config& config, std::string_view value) {
  if (value.size() != 1) return "must be one character";
  if (value.front() >= '0' && value.front() <= '9') return "must not be a digit";
  config.rest_api_separator = value.front();
  return {};
}

// coturn: the bare option is 600 seconds.
Complaint set_stale_nonce(Config& config, std::string_view value) {
  if (value.empty()) {
    config.stale_nonce_s = Config{}.stale_nonce_s;
    return {};
  }
  return set_number<&Config::stale_nonce_s, 0, 31'536'000>(config, value);
}

template <PeerAction Action>
Complaint add_peer_rule(Config& config, std::string_view value) {
  const auto range = IpRange::parse(value);
  if (!range) return "must be an address, ADDRESS/LENGTH or FIRST-LAST";
  config.peer_rules.push_back({*range, Action});
  return {};
}

constexpr Option kAuth[] = {
    {.name = "user",
     .letter = 'u',
     .repeat = Repeat::append,
     .secrecy = Secrecy::name_then_secret,
     .placeholder = "NAME:PASSWORD",
     .help =
         "User with a password, or with 0x and the key of `turnpike user key`; may be repeated.",
     .apply = add_user},
    {.name = "first-user",
     .origin = Origin::ours,
     .placeholder = "NAME",
     .help = "When the server starts and nobody could log in, a user of this name gets a password "
             "that is made up and kept beside the database (userdb), and the iceServers of a "
             "WebRTC page go to standard output, then and at every later start.",
     .apply = set_first_user},
    {.name = "userdb",
     .letter = 'b',
     .placeholder = "FILE",
     .help =
         "SQLite database of users and shared secrets in coturn's format, created on first use. "
         "Default: none while users or secrets are configured, else the one that `turnpike "
         "user` writes if it exists.",
     .apply = set_text<&Config::userdb_path>},
    {.name = "db", .placeholder = "FILE", .help = "Another name of userdb.", .alias_of = "userdb"},
    {.name = "realm",
     .letter = 'r',
     .placeholder = "REALM",
     .default_text = "turnpike",
     .help = "Realm of all users; a change makes every stored key invalid.",
     .apply = set_realm},
    {.name = "no-dynamic-realms",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Ignores the origins in the user database (`turnpike realm`): every client is asked "
             "for a user of this realm, whatever its ORIGIN.",
     .apply = set_flag<&Config::no_dynamic_realms>},
    {.name = "use-auth-secret",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Time-limited users, whose passwords derive from a shared secret, beside the stored "
             "ones.",
     .apply = set_flag<&Config::use_auth_secret>},
    {.name = "static-auth-secret",
     .repeat = Repeat::latest_source,
     .secrecy = Secrecy::secret,
     .placeholder = "SECRET",
     .help = "Shared secret for time-limited users; turns use-auth-secret on; may be repeated "
             "(rotation).",
     .apply = add_secret},
    {.name = "rest-api-separator",
     .letter = 'C',
     .placeholder = "CHARACTER",
     .default_text = ":",
     .help = "Character between timestamp and name of a time-limited user.",
     .apply = set_separator},
    {.name = "strict-expiry",
     .argument = Argument::flag,
     .origin = Origin::ours,
     .default_text = "off",
     .help = "Refuses to refresh the allocation of a time-limited user whose name has expired.",
     .apply = set_flag<&Config::strict_expiry>},
    {.name = "oauth",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Third-party authorization (RFC 7635): tokens that an authorization server has sealed "
             "with a key of the database's table oauth_key, beside users and secrets.",
     .apply = set_flag<&Config::oauth>},
    {.name = "server-name",
     .placeholder = "NAME",
     .help = "The name of this server that tokens are sealed for, told to clients in "
             "THIRD-PARTY-AUTHORIZATION. Default: the realm.",
     .apply = set_server_name},
    {.name = "no-auth",
     .letter = 'z',
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Relays for everybody, without credentials; cannot stand beside users or secrets.",
     .apply = set_flag<&Config::no_auth>},
    {.name = "stale-nonce",
     .argument = Argument::optional,
     .placeholder = "SECONDS",
     .default_text = "600",
     .help = "Life of a nonce; 0 is for ever.",
     .apply = set_stale_nonce},
    {.name = "stateless-nonce-secret",
     .secrecy = Secrecy::secret,
     .placeholder = "SECRET",
     .help =
         "Key of the nonces, for servers that share one address. Default: random at each start.",
     .apply = set_text<&Config::stateless_nonce_secret>},
    {.name = "secure-stun",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Binding requests need credentials too.",
     .apply = set_flag<&Config::secure_stun>},
};

constexpr Option kPeers[] = {
    {.name = "allowed-peer-ip",
     .repeat = Repeat::append,
     .placeholder = "RANGE",
     .help = "Peers to allow: an address, ADDRESS/LENGTH or FIRST-LAST; may be repeated. The "
             "narrowest rule that holds a peer decides.",
     .apply = add_peer_rule<PeerAction::allow>},
    {.name = "denied-peer-ip",
     .repeat = Repeat::append,
     .placeholder = "RANGE",
     .help = "Peers to refuse, in the same forms; may be repeated. Loopback, link-local, private, "
             "multicast and reserved addresses are refused anyway.",
     .apply = add_peer_rule<PeerAction::deny>},
    {.name = "allow-private-peers",
     .argument = Argument::flag,
     .origin = Origin::ours,
     .default_text = "off",
     .help = "Allows peers in private networks (RFC 1918, RFC 6598, RFC 4193).",
     .apply = set_flag<&Config::allow_private_peers>},
    {.name = "allow-loopback-peers",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Allows peers on this host's loopback addresses; for tests only.",
     .apply = set_flag<&Config::allow_loopback_peers>},
    {.name = "no-dynamic-ip-list",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Ignores the peer rules in the user database.",
     .apply = set_flag<&Config::no_dynamic_ip_list>},
};

}  // namespace

std::span<const Option> auth_options() {
  return kAuth;
}
std::span<const Option> peer_options() {
  return kPeers;
}

}  // namespace turnpike::config
