#include "server/reload.h"

#include <string_view>

namespace turnpike::server {
namespace {

using config::Config;

enum class Takes : uint8_t {
  effect,   // A reload is enough.
  restart,  // Sockets, threads, rights: made once.
};

// One member of Config under the name of its option.
struct OptionRow {
  std::string_view option;
  Takes takes;
  bool (*same)(const Config&, const Config&);
  void (*copy)(const Config& from, Config& to);
};

template <auto Member>
constexpr OptionRow option_row(std::string_view option, Takes takes) {
  return {option, takes, [](const Config& a, const Config& b) { return a.*Member == b.*Member; },
          [](const Config& from, Config& to) { to.*Member = from.*Member; }};
}

// Every member of Config stands here once; a test changes each and looks.
constexpr OptionRow kOptionRows[] = {
    option_row<&Config::listening_ips>("listening-ip", Takes::restart),
    option_row<&Config::listening_port>("listening-port", Takes::restart),
    option_row<&Config::tls_listening_port>("tls-listening-port", Takes::restart),
    option_row<&Config::alt_listening_port>("alt-listening-port", Takes::restart),
    option_row<&Config::alt_tls_listening_port>("alt-tls-listening-port", Takes::restart),
    option_row<&Config::tcp_proxy_ports>("tcp-proxy-port", Takes::restart),
    option_row<&Config::proxy_sources>("proxy-from", Takes::restart),
    option_row<&Config::no_udp>("no-udp", Takes::restart),
    option_row<&Config::no_tcp>("no-tcp", Takes::restart),
    option_row<&Config::no_tls>("no-tls", Takes::restart),
    option_row<&Config::no_dtls>("no-dtls", Takes::restart),
    option_row<&Config::sock_buf_size_bytes>("sock-buf-size", Takes::restart),
    option_row<&Config::relay_threads>("relay-threads", Takes::restart),
    option_row<&Config::wake_up_moderation_us>("wake-up-moderation", Takes::restart),
    option_row<&Config::busy_poll_us>("busy-poll", Takes::restart),
    option_row<&Config::gather_peers>("gather-peers", Takes::restart),
    option_row<&Config::cert_paths>("cert", Takes::effect),
    option_row<&Config::pkey_paths>("pkey", Takes::effect),
    option_row<&Config::pkey_password>("pkey-pwd", Takes::effect),
    option_row<&Config::ca_file_path>("CA-file", Takes::effect),
    option_row<&Config::cipher_list>("cipher-list", Takes::effect),
    option_row<&Config::ec_curve_name>("ec-curve-name", Takes::effect),
    option_row<&Config::no_tlsv1_2>("no-tlsv1_2", Takes::restart),
    option_row<&Config::max_allocate_timeout_s>("max-allocate-timeout", Takes::effect),
    option_row<&Config::max_connections_per_source>("max-connections-per-source", Takes::effect),
    option_row<&Config::relay_ips>("relay-ip", Takes::effect),
    option_row<&Config::external_ips>("external-ip", Takes::effect),
    option_row<&Config::external_ip_auto>("external-ip", Takes::restart),
    option_row<&Config::external_ip_stun>("external-ip-stun", Takes::restart),
    option_row<&Config::external_ip_metadata>("external-ip-metadata", Takes::restart),
    option_row<&Config::external_ip_http>("external-ip-http", Takes::restart),
    option_row<&Config::external_ip_interval_s>("external-ip-interval", Takes::restart),
    option_row<&Config::public_host>("public-host", Takes::effect),
    option_row<&Config::min_port>("min-port", Takes::effect),
    option_row<&Config::max_port>("max-port", Takes::effect),
    option_row<&Config::allocation_default_address_family>("allocation-default-address-family",
                                                           Takes::effect),
    option_row<&Config::no_udp_relay>("no-udp-relay", Takes::effect),
    option_row<&Config::no_tcp_relay>("no-tcp-relay", Takes::effect),
    option_row<&Config::alternate_servers>("alternate-server", Takes::effect),
    option_row<&Config::rfc5780>("rfc5780", Takes::restart),
    option_row<&Config::tcp_connect_back>("tcp-connect-back", Takes::effect),
    option_row<&Config::mobility>("mobility", Takes::effect),
    option_row<&Config::realm>("realm", Takes::restart),
    option_row<&Config::realm_is_set>("", Takes::restart),
    option_row<&Config::users>("user", Takes::effect),
    option_row<&Config::userdb_path>("userdb", Takes::effect),
    option_row<&Config::first_user>("first-user", Takes::restart),
    option_row<&Config::no_auth>("no-auth", Takes::effect),
    option_row<&Config::use_auth_secret>("use-auth-secret", Takes::effect),
    option_row<&Config::static_auth_secrets>("static-auth-secret", Takes::effect),
    option_row<&Config::rest_api_separator>("rest-api-separator", Takes::effect),
    option_row<&Config::strict_expiry>("strict-expiry", Takes::effect),
    option_row<&Config::oauth>("oauth", Takes::effect),
    option_row<&Config::server_name>("server-name", Takes::effect),
    option_row<&Config::stale_nonce_s>("stale-nonce", Takes::effect),
    option_row<&Config::stateless_nonce_secret>("stateless-nonce-secret", Takes::restart),
    option_row<&Config::secure_stun>("secure-stun", Takes::effect),
    option_row<&Config::no_dynamic_realms>("no-dynamic-realms", Takes::effect),
    option_row<&Config::peer_rules>("allowed-peer-ip, denied-peer-ip", Takes::effect),
    option_row<&Config::allow_private_peers>("allow-private-peers", Takes::effect),
    option_row<&Config::allow_loopback_peers>("allow-loopback-peers", Takes::effect),
    option_row<&Config::no_dynamic_ip_list>("no-dynamic-ip-list", Takes::effect),
    option_row<&Config::user_quota>("user-quota", Takes::effect),
    option_row<&Config::total_quota>("total-quota", Takes::effect),
    option_row<&Config::max_bps_bytes_per_s>("max-bps", Takes::effect),
    option_row<&Config::bps_capacity_bytes_per_s>("bps-capacity", Takes::effect),
    option_row<&Config::max_packets_per_s>("max-packets-per-second", Takes::effect),
    option_row<&Config::max_new_peers_per_s>("max-new-peers-per-second", Takes::effect),
    option_row<&Config::max_allocate_lifetime_s>("max-allocate-lifetime", Takes::effect),
    option_row<&Config::channel_lifetime_s>("channel-lifetime", Takes::effect),
    option_row<&Config::permission_lifetime_s>("permission-lifetime", Takes::effect),
    option_row<&Config::max_permissions_per_allocation>("max-permissions-per-allocation",
                                                        Takes::effect),
    option_row<&Config::max_channels_per_allocation>("max-channels-per-allocation", Takes::effect),
    option_row<&Config::max_tcp_connections_per_allocation>("max-tcp-connections-per-allocation",
                                                            Takes::effect),
    option_row<&Config::unauthorized_ratelimit>("unauthorized-ratelimit", Takes::effect),
    option_row<&Config::unauthorized_ratelimit_rps>("unauthorized-ratelimit-rps", Takes::effect),
    option_row<&Config::unauthorized_ratelimit_burst>("unauthorized-ratelimit-burst",
                                                      Takes::effect),
    option_row<&Config::binding_ratelimit_rps>("binding-ratelimit", Takes::effect),
    option_row<&Config::fingerprint>("fingerprint", Takes::effect),
    option_row<&Config::software_attribute>("software-attribute", Takes::effect),
    option_row<&Config::include_reason_string>("include-reason-string", Takes::effect),
    option_row<&Config::rfc3489_compatibility>("rfc3489-compatibility", Takes::effect),
    option_row<&Config::stun_backward_compatibility>("stun-backward-compatibility", Takes::effect),
    option_row<&Config::rfc5766_channel_numbers>("rfc5766-channel-numbers", Takes::effect),
    option_row<&Config::no_stun>("no-stun", Takes::effect),
    option_row<&Config::stun_only>("stun-only", Takes::effect),
    option_row<&Config::rest_listen>("rest-listen", Takes::restart),
    option_row<&Config::rest_api_keys>("rest-api-key", Takes::effect),
    option_row<&Config::rest_allow_origins>("rest-allow-origin", Takes::effect),
    option_row<&Config::rest_ttl_s>("rest-ttl", Takes::effect),
    option_row<&Config::rest_limit_rps>("rest-limit", Takes::effect),
    option_row<&Config::rest_limit_per_source_rps>("rest-limit-per-source", Takes::effect),
    option_row<&Config::log_target>("log-file", Takes::effect),
    option_row<&Config::log_file_path>("log-file", Takes::effect),
    option_row<&Config::log_format>("log-format", Takes::effect),
    option_row<&Config::log_level>("log-level", Takes::effect),
    option_row<&Config::redact_addresses>("redact", Takes::effect),
    option_row<&Config::pidfile_path>("pidfile", Takes::restart),
    option_row<&Config::proc_user>("proc-user", Takes::restart),
    option_row<&Config::proc_group>("proc-group", Takes::restart),
    option_row<&Config::admin_socket>("admin-socket", Takes::restart),
    option_row<&Config::admin_socket_path>("admin-socket", Takes::restart),
    option_row<&Config::admin_socket_group>("admin-socket-group", Takes::restart),
    option_row<&Config::admin_port>("admin-port", Takes::restart),
    option_row<&Config::admin_address>("admin-address", Takes::restart),
    option_row<&Config::admin_token>("admin-token", Takes::effect),
    option_row<&Config::drain_timeout_s>("drain-timeout", Takes::effect),
    option_row<&Config::drain_min_allocations>("drain-min-allocations", Takes::effect),
    option_row<&Config::prometheus>("prometheus", Takes::restart),
    option_row<&Config::prometheus_port>("prometheus-port", Takes::restart),
    option_row<&Config::prometheus_ips>("prometheus-address", Takes::restart),
    option_row<&Config::prometheus_path>("prometheus-path", Takes::restart),
    option_row<&Config::prometheus_username_labels>("prometheus-username-labels", Takes::restart),
    option_row<&Config::prometheus_coturn_names>("prometheus-coturn-names", Takes::restart),
};

void note(std::vector<std::string>& list, std::string_view option) {
  // Two members may belong to one option, and stand next to each other then.
  if (!option.empty() && (list.empty() || list.back() != option)) list.emplace_back(option);
}

}  // namespace

ConfigChanges changes_between(const Config& current, const Config& next) {
  ConfigChanges changes;
  for (const OptionRow& row : kOptionRows) {
    if (row.same(current, next)) continue;
    note(row.takes == Takes::effect ? changes.live : changes.needs_restart, row.option);
  }
  return changes;
}

void keep_what_needs_restart(const Config& current, Config& next) {
  for (const OptionRow& row : kOptionRows) {
    if (row.takes == Takes::restart) row.copy(current, next);
  }
}

void keep_applied(const config::AppliedValues& current,
                  const std::vector<std::string>& needs_restart, config::AppliedValues& next) {
  for (const std::string& option : needs_restart) {
    const auto before = current.find(option);
    if (before == current.end()) {
      next.erase(option);
    } else {
      next[option] = before->second;
    }
  }
}

}  // namespace turnpike::server
