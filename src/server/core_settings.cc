#include "server/core_settings.h"

#include <algorithm>
#include <iterator>

#include "server/database_rules.h"
#include "server/setup.h"
#include "turnpike/version.h"

namespace turnpike::server {
namespace {

turn::DefaultFamily to_core(config::DefaultFamily family) {
  switch (family) {
    case config::DefaultFamily::v4:
      return turn::DefaultFamily::v4;
    case config::DefaultFamily::v6:
      return turn::DefaultFamily::v6;
    case config::DefaultFamily::keep:
      return turn::DefaultFamily::as_client;
  }
  return turn::DefaultFamily::v4;
}

std::shared_ptr<const turn::PeerPolicy> make_peer_policy(const config::Config& config,
                                                         const net::HostAddresses& host) {
  turn::PeerPolicySettings settings;
  settings.allow_private_peers = config.allow_private_peers;
  settings.allow_loopback_peers = config.allow_loopback_peers;
  settings.own_addresses = ips_of(host);
  settings.own_ranges = host.ranges;
  // Bound to without being there: the kernel may be told to allow that.
  for (const std::vector<Ip>* ips : {&config.listening_ips, &config.relay_ips}) {
    std::copy_if(ips->begin(), ips->end(), std::back_inserter(settings.own_addresses),
                 [](const Ip& ip) { return !ip.is_unspecified(); });
  }
  for (const config::ExternalIp& external : config.external_ips) {
    settings.own_addresses.push_back(external.external);
  }
  for (const config::PeerRule& rule : config.peer_rules) {
    settings.rules.push_back({rule.range, rule.action == config::PeerAction::allow
                                              ? turn::RuleAction::allow
                                              : turn::RuleAction::deny});
  }
  return std::make_shared<turn::PeerPolicy>(settings);
}

}  // namespace

std::shared_ptr<const turn::Settings> make_core_settings(
    const config::Config& config, const auth::StoreState& store, const net::HostAddresses& host,
    std::shared_ptr<const turn::BehaviorDiscovery> discovery) {
  auto settings = std::make_shared<turn::Settings>();
  settings->auth = config.no_auth ? turn::AuthMode::none : turn::AuthMode::long_term;
  settings->realm = config.realm;
  settings->use_shared_secrets = config.use_auth_secret;
  settings->shared_secrets = config.static_auth_secrets;
  settings->secret_separator = config.rest_api_separator;
  settings->strict_expiry = config.strict_expiry;
  settings->authenticate_binding = config.secure_stun;
  settings->mobility = config.mobility;
  settings->tcp_connect_back = config.tcp_connect_back;
  settings->nonce_lifetime = seconds(config.stale_nonce_s);
  settings->max_lifetime = seconds(config.max_allocate_lifetime_s);
  settings->permission_lifetime = seconds(config.permission_lifetime_s);
  settings->channel_lifetime = seconds(config.channel_lifetime_s);
  settings->max_permissions = config.max_permissions_per_allocation;
  settings->max_channels = config.max_channels_per_allocation;
  settings->max_connections = config.max_tcp_connections_per_allocation;
  settings->quota = {config.user_quota, config.total_quota};
  settings->session = {config.max_bps_bytes_per_s, config.max_packets_per_s};
  settings->new_peers_per_s = config.max_new_peers_per_s;
  settings->error_limit = {};
  if (config.unauthorized_ratelimit) {
    settings->error_limit = {config.unauthorized_ratelimit_rps,
                             config.unauthorized_ratelimit_burst};
  }
  settings->binding_limit = {config.binding_ratelimit_rps, config.binding_ratelimit_rps};
  settings->default_family = to_core(config.allocation_default_address_family);
  settings->serve_binding = !config.no_stun;
  settings->serve_turn = !config.stun_only;
  settings->serve_udp_relay = !config.no_udp_relay;
  settings->serve_tcp_relay = !config.no_tcp_relay;
  settings->wide_channel_numbers = config.rfc5766_channel_numbers;
  settings->classic_stun = config.rfc3489_compatibility;
  settings->add_mapped_address = config.stun_backward_compatibility;
  settings->always_fingerprint = config.fingerprint;
  settings->reason_phrases = config.include_reason_string;
  if (config.software_attribute) {
    settings->software = std::string("Turnpike ").append(kVersion);
  }
  settings->discovery = std::move(discovery);
  if (config.oauth) {
    settings->token_server_name = config.server_name.empty() ? config.realm : config.server_name;
  }
  settings->realms_by_origin = !config.no_dynamic_realms;
  settings->peers = make_peer_policy(with_database_rules(config, store), host);
  for (const auto& [name, realm] : store.other_realms) {
    if (realm.peer_rules == store.peer_rules) continue;
    settings->realm_peers.emplace(name, make_peer_policy(with_database_rules(config, realm), host));
  }
  return settings;
}

}  // namespace turnpike::server
