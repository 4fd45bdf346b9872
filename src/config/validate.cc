#include "config/validate.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "config/option_values.h"
#include "config/remarks.h"
#include "config/validate_listeners.h"
#include "config/validate_webrtc.h"

namespace turnpike::config {
namespace {

bool is_multicast(const Ip& ip) {
  return ip.is_v4() ? (ip.bytes()[12] & 0xf0) == 0xe0 : ip.bytes()[0] == 0xff;
}

bool is_private_v4(const Ip& ip) {
  constexpr std::array<const char*, 4> kRanges = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                                  "100.64.0.0/10"};
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [&ip](const char* text) { return IpRange::parse(text)->contains(ip); });
}

std::string family_name(const Ip& ip) {
  return ip.is_v4() ? "IPv4" : "IPv6";
}

void check_transports(const Config& config, Remarks& remarks) {
  if (config.no_udp && config.no_tcp) {
    remarks.error("no-tcp", "no-udp and no-tcp together leave nothing to serve");
  }
  if (config.no_udp_relay && (config.no_tcp_relay || config.no_tcp)) {
    remarks.error(
        "no-udp-relay",
        "no-udp-relay leaves nothing to relay without TCP clients that may relay TCP; for "
        "STUN alone say stun-only");
  }
  if (config.pkey_paths.size() > config.cert_paths.size()) {
    remarks.error_at("pkey", config.cert_paths.size(), "pkey without a cert that it belongs to");
  }
}

void check_repeats(const std::vector<Ip>& ips, std::string_view option, Remarks& remarks) {
  for (size_t i = 0; i < ips.size(); ++i) {
    if (std::find(ips.begin(), ips.begin() + static_cast<std::ptrdiff_t>(i), ips[i]) !=
        ips.begin() + static_cast<std::ptrdiff_t>(i)) {
      remarks.error_at(option, i, std::string(option) + " names " + ips[i].to_string() + " twice");
    }
  }
}

void check_listeners(Config& config, Remarks& remarks) {
  check_repeats(config.listening_ips, "listening-ip", remarks);
  for (size_t i = 0; i < config.listening_ips.size(); ++i) {
    if (is_multicast(config.listening_ips[i])) {
      remarks.error_at("listening-ip", i, "listening-ip must not be a multicast address");
    }
  }
  // One socket serves both.
  if (config.tls_listening_port == config.listening_port) config.tls_listening_port = 0;
  if (remarks.is_set("relay-threads") && config.relay_threads == 0) {
    remarks.warn("relay-threads",
                 "relay-threads=0 is one worker per core here, a single thread in coturn; for that "
                 "write relay-threads=1");
  }
}

void check_relay_ips(const Config& config, Remarks& remarks) {
  check_repeats(config.relay_ips, "relay-ip", remarks);
  for (const config::ExternalIp& external : config.external_ips) {
    const auto same_family = [&](const Ip& ip) {
      return ip.family() == external.external.family() && !ip.is_loopback();
    };
    if (external.local ||
        std::count_if(config.relay_ips.begin(), config.relay_ips.end(), same_family) < 2) {
      continue;
    }
    remarks.warn("external-ip",
                 "external-ip " + external.external.to_string() +
                     " stands for several relay-ip addresses, so a port on it may belong to any of "
                     "them; write PUBLIC/PRIVATE for each");
  }
  for (size_t i = 0; i < config.relay_ips.size(); ++i) {
    const Ip& ip = config.relay_ips[i];
    if (ip.is_unspecified() || is_multicast(ip)) {
      remarks.error_at("relay-ip", i,
                       "relay-ip must be one address of this host, not " + ip.to_string());
    } else if (ip.is_link_local()) {
      remarks.error_at("relay-ip", i, "relay-ip must not be link-local: no peer could reach it");
    }
  }
}

void check_ports(const Config& config, Remarks& remarks) {
  const unsigned low = config.min_port;
  const unsigned high = config.max_port;
  const std::string_view option = remarks.is_set("min-port") ? "min-port" : "max-port";
  if (low > high) {
    return remarks.error(
        option, "min-port " + std::to_string(low) + " is above max-port " + std::to_string(high));
  }
  const unsigned count = high - low + 1;
  if (count < 2) {
    return remarks.error(option,
                         "the relay range has one port; clients that ask for a pair "
                         "(EVEN-PORT) need at least two");
  }
  if (count < 64) {
    remarks.warn(option, "the relay range has " + std::to_string(count) +
                             " ports, so there can be no more allocations than that per relay "
                             "address");
  }
  if (low < 1024) {
    remarks.warn(option, "the relay range holds ports below 1024, which belong to system services");
  }
  for (const auto& [name, port] : {std::pair("listening-port", config.listening_port),
                                   std::pair("tls-listening-port", config.tls_listening_port)}) {
    if (port >= low && port <= high) {
      remarks.warn(name, std::string(name) + " " + std::to_string(port) +
                             " lies in the relay range, which loses that port");
    }
  }
}

void check_external_ip(const Config& config, size_t index, Remarks& remarks) {
  const ExternalIp& entry = config.external_ips[index];
  const auto error = [&](const std::string& text) {
    remarks.error_at("external-ip", index, "external-ip " + text);
  };
  if (entry.external.is_unspecified() || is_multicast(entry.external)) {
    return error(entry.external.to_string() + " is not an address that a peer could send to");
  }
  if (entry.local && entry.local->family() != entry.external.family()) {
    return error("maps " + family_name(*entry.local) + " to " + family_name(entry.external));
  }
  if (entry.local && !config.relay_ips.empty() &&
      std::find(config.relay_ips.begin(), config.relay_ips.end(), *entry.local) ==
          config.relay_ips.end()) {
    remarks.warn_at("external-ip", index,
                    "external-ip is for " + entry.local->to_string() +
                        ", which is not among the relay-ip addresses");
  }
  if (is_private_v4(entry.external) || entry.external.is_link_local() ||
      entry.external.is_loopback()) {
    remarks.warn_at("external-ip", index,
                    "external-ip " + entry.external.to_string() +
                        " is not a public address; peers elsewhere cannot reach it");
  }
  for (size_t i = 0; i < index; ++i) {
    const ExternalIp& other = config.external_ips[i];
    if (other.external.family() != entry.external.family()) continue;
    if (!entry.local && !other.local) {
      return error("without a private address is given twice for " + family_name(entry.external) +
                   "; write PUBLIC/PRIVATE for each");
    }
    if (entry.local.has_value() != other.local.has_value()) {
      return error("is given with and without a private address for " +
                   family_name(entry.external) + "; write PUBLIC/PRIVATE for each");
    }
    if (entry.local == other.local) {
      return error("is given twice for " + entry.local->to_string());
    }
    if (entry.external == other.external) {
      return error(entry.external.to_string() +
                   " stands for two private addresses; a port on it could belong to either");
    }
  }
}

void check_external_ip_words(const LoadResult& result, Remarks& remarks) {
  const auto values = result.applied.find("external-ip");
  if (values == result.applied.end() || values->second.size() < 2) return;
  const auto& all = values->second;
  for (const std::string_view word : {"auto", "none"}) {
    const auto is_word = [word](const AppliedValue& value) { return value.text == word; };
    if (std::none_of(all.begin(), all.end(), is_word)) continue;
    if (std::all_of(all.begin(), all.end(), is_word)) continue;
    return remarks.error("external-ip",
                         "external-ip=" + std::string(word) + " excludes addresses: give it alone");
  }
}

void check_external_ip_auto(const Config& config, Remarks& remarks) {
  if (!config.external_ip_auto) return;
  if (config.rfc5780) {
    remarks.error("external-ip",
                  "external-ip=auto finds one address, and rfc5780 needs two that are known: write "
                  "external-ip=PUBLIC/PRIVATE for each");
  }
  if (config.external_ip_stun.empty() && config.external_ip_http.empty() &&
      !config.external_ip_metadata) {
    remarks.error("external-ip", "external-ip=auto has nobody to ask: all of its ways are off");
  }
}

void check_tokens(const Config& config, Remarks& remarks) {
  if (!config.oauth) {
    if (!config.server_name.empty()) {
      remarks.warn("server-name", "server-name has no effect without oauth");
    }
    return;
  }
  if (config.no_auth) {
    remarks.error("oauth", "oauth asks for tokens, which no-auth switches off");
  } else if (config.userdb_path.empty()) {
    remarks.error("oauth", "oauth has its keys in the user database: add userdb=FILE");
  }
}

void check_who_may(const LoadResult& result, Remarks& remarks) {
  const Config& config = result.config;
  if (config.no_auth) {
    if (!config.users.empty()) {
      remarks.error("no-auth", "no-auth cannot stand beside users (user); remove one of the two");
    }
    if (config.use_auth_secret) {
      remarks.error("no-auth",
                    "no-auth cannot stand beside shared secrets (use-auth-secret, "
                    "static-auth-secret); remove one of the two");
    }
    if (!config.userdb_path.empty()) {
      remarks.error("no-auth",
                    "no-auth cannot stand beside a user database (userdb); remove one "
                    "of the two");
    }
    if (config.secure_stun) {
      remarks.error("secure-stun", "secure-stun asks for credentials, which no-auth switches off");
    }
    remarks.warn("no-auth", "no-auth lets everybody relay through this server");
    return;
  }
  if (config.stun_only && !config.secure_stun) return;
  if (config.use_auth_secret && config.static_auth_secrets.empty() && config.userdb_path.empty()) {
    remarks.error("use-auth-secret",
                  "use-auth-secret has no secret: add static-auth-secret=SECRET, "
                  "or userdb=FILE with secrets in it");
    return;
  }
  if (!config.users.empty() || config.use_auth_secret || !config.userdb_path.empty()) return;
  if (!config.first_user.empty()) {
    remarks.error("first-user",
                  "first-user has no database to live in, since there is no home directory: add "
                  "userdb=FILE");
    return;
  }
  const std::string advice =
      "add user=NAME:PASSWORD, or static-auth-secret=SECRET, or userdb=FILE (`turnpike user add` "
      "fills it); no-auth would let everybody relay, stun-only nobody";
  // A file of coturn's, which may hold no word about users, must start; it is safe, since nobody
  // gets an allocation.
  if (!result.file.empty()) {
    remarks.warn("",
                 "no users, secrets or database are configured, so every Allocate request is "
                 "refused: " +
                     advice);
  } else {
    remarks.error("", "no users, secrets or database are configured: " + advice);
  }
}

void check_secrets(const LoadResult& result, Remarks& remarks) {
  constexpr size_t kShort = 16;
  const auto secrets = result.applied.find("static-auth-secret");
  if (secrets != result.applied.end()) {
    for (size_t i = 0; i < secrets->second.size(); ++i) {
      if (secrets->second[i].text.size() >= kShort) continue;
      remarks.warn_at("static-auth-secret", i,
                      "static-auth-secret is shorter than 16 bytes: whoever sees one credential "
                      "can guess it offline");
    }
  }
  const std::string& nonce_secret = result.config.stateless_nonce_secret;
  if (!nonce_secret.empty() && nonce_secret.size() < kShort) {
    remarks.error("stateless-nonce-secret", "stateless-nonce-secret must be 16 bytes or longer");
  }
  if (result.config.stale_nonce_s == 0) {
    remarks.warn("stale-nonce", "stale-nonce=0 lets a nonce be used for ever");
  }
}

void check_lifetimes(const Config& config, Remarks& remarks) {
  const Config defaults;
  if (config.max_allocate_lifetime_s < 600) {
    remarks.warn("max-allocate-lifetime",
                 "max-allocate-lifetime is below the 600 seconds that "
                 "every client may expect (RFC 8656)");
  }
  if (config.channel_lifetime_s != defaults.channel_lifetime_s) {
    remarks.warn("channel-lifetime",
                 "channel-lifetime is not the 600 seconds of RFC 8656, which "
                 "clients rely on");
  }
  if (config.permission_lifetime_s != defaults.permission_lifetime_s) {
    remarks.warn("permission-lifetime",
                 "permission-lifetime is not the 300 seconds of RFC 8656, "
                 "which clients rely on");
  }
}

// Guides confuse the quotas, which count allocations, with rates, which count bytes per second.
void check_quotas(const Config& config, Remarks& remarks) {
  constexpr uint64_t kImplausible = 1'000'000;
  for (const auto& [name, quota] :
       {std::pair("total-quota", config.total_quota), std::pair("user-quota", config.user_quota)}) {
    if (quota < kImplausible) continue;
    remarks.warn(name, std::string(name) + "=" + std::to_string(quota) +
                           " is a number of allocations, not bytes per second; for rates there are "
                           "max-bps (one session) and bps-capacity (all together)");
  }
  const uint64_t session = config.max_bps_bytes_per_s;
  const uint64_t capacity = config.bps_capacity_bytes_per_s;
  // The least that a voice call takes.
  if (session > 0 && session < 4'000) {
    remarks.warn("max-bps", "max-bps=" + std::to_string(session) +
                                " is in bytes per second, too few for a voice call; 64k would be " +
                                "64,000");
  }
  if (capacity > 0 && session > capacity) {
    remarks.warn("bps-capacity", "bps-capacity is for all sessions together (" +
                                     std::to_string(capacity) +
                                     " bytes per second) and less than what max-bps gives each (" +
                                     std::to_string(session) + ")");
  }
}

void check_metrics(LoadResult& result, Remarks& remarks) {
  Config& config = result.config;
  check_repeats(config.prometheus_ips, "prometheus-address", remarks);
  if (!remarks.is_set("prometheus-coturn-names")) {
    // Dashboards that were made for coturn go on working when its file is served here.
    config.prometheus_coturn_names = is_file_of_coturn(result.file);
  }
  if (!config.prometheus) {
    for (const std::string_view option :
         {"prometheus-port", "prometheus-address", "prometheus-path", "prometheus-username-labels",
          "prometheus-coturn-names"}) {
      if (!remarks.is_set(option)) continue;
      remarks.warn(option, std::string(option) + " has no effect without prometheus");
    }
    return;
  }
  const bool is_open = std::any_of(config.prometheus_ips.begin(), config.prometheus_ips.end(),
                                   [](const Ip& ip) { return !ip.is_loopback(); });
  if (config.prometheus_username_labels && (config.prometheus_ips.empty() || is_open)) {
    remarks.warn("prometheus-username-labels",
                 "prometheus-username-labels tells the names of users to everybody who can reach "
                 "the metrics; bind them with prometheus-address");
  }
  for (const auto& [name, port, off] :
       {std::tuple("listening-port", config.listening_port, config.no_tcp),
        std::tuple("tls-listening-port", config.tls_listening_port, config.no_tcp)}) {
    if (off || port != config.prometheus_port) continue;
    remarks.error("prometheus-port",
                  "prometheus-port " + std::to_string(port) + " is also " + std::string(name));
  }
}

void check_protocol(Config& config, Remarks& remarks) {
  if (config.no_stun && config.stun_only) {
    remarks.error("stun-only", "stun-only and no-stun together leave nothing to serve");
  }
  if (!remarks.is_set("unauthorized-ratelimit-burst")) {
    config.unauthorized_ratelimit_burst =
        std::max(config.unauthorized_ratelimit_burst, config.unauthorized_ratelimit_rps);
  } else if (config.unauthorized_ratelimit_burst < config.unauthorized_ratelimit_rps) {
    remarks.error("unauthorized-ratelimit-burst",
                  "unauthorized-ratelimit-burst must not be below "
                  "unauthorized-ratelimit-rps");
  }
  if (config.allow_loopback_peers) {
    remarks.warn("allow-loopback-peers",
                 "allow-loopback-peers lets clients reach the services of "
                 "this host; it is for tests only");
  }
}

void check_operation(const Config& config, Remarks& remarks) {
  constexpr size_t kShort = 16;
  if (config.admin_port != 0 && config.admin_token.size() < kShort) {
    remarks.error("admin-port", "admin-port needs admin-token=TOKEN, of 16 bytes or more");
  }
  if (config.admin_port == 0 && !config.admin_token.empty()) {
    remarks.warn("admin-token", "admin-token is for admin-port, which is not set");
  }
  if (!config.admin_socket && !config.admin_socket_group.empty()) {
    remarks.warn("admin-socket-group", "admin-socket-group is for admin-socket, which is off");
  }
  if (config.proc_user.empty() && !config.proc_group.empty()) {
    remarks.error("proc-group", "proc-group needs proc-user");
  }
}

}  // namespace

void validate(LoadResult& result) {
  Remarks remarks(result);
  check_listeners(result.config, remarks);
  check_transports(result.config, remarks);
  check_second_addresses(result.config, remarks);
  check_proxy(result.config, remarks);
  check_alternate_servers(result.config, remarks);
  check_relay_ips(result.config, remarks);
  check_ports(result.config, remarks);
  for (size_t i = 0; i < result.config.external_ips.size(); ++i) {
    check_external_ip(result.config, i, remarks);
  }
  check_external_ip_words(result, remarks);
  check_external_ip_auto(result.config, remarks);
  check_who_may(result, remarks);
  check_tokens(result.config, remarks);
  check_secrets(result, remarks);
  check_lifetimes(result.config, remarks);
  check_quotas(result.config, remarks);
  check_protocol(result.config, remarks);
  check_metrics(result, remarks);
  check_rest(result.config, remarks);
  check_operation(result.config, remarks);
}

}  // namespace turnpike::config
