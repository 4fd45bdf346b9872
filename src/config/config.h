// The configuration of a server as plain values, each with the default in force when nobody says
// otherwise. Filled by config::load() and immutable from then on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/advertised_ip.h"
#include "base/alternate_server.h"
#include "base/endpoint.h"
#include "base/ip_range.h"
#include "base/log.h"

namespace turnpike::config {

// `external-ip`: what peers and clients are told instead of the address we are bound to.
using ExternalIp = AdvertisedIp;

// `user`: exactly one of password and md5_key is set.
struct User {
  std::string name;
  std::string password;
  std::optional<std::array<uint8_t, 16>> md5_key;

  friend bool operator==(const User&, const User&) = default;
};

enum class PeerAction : uint8_t { allow, deny };

// `allowed-peer-ip` and `denied-peer-ip`, in the order in which they were given.
struct PeerRule {
  IpRange range;
  PeerAction action = PeerAction::deny;

  friend bool operator==(const PeerRule&, const PeerRule&) = default;
};

// The family of a relayed address when the Allocate request names none.
enum class DefaultFamily : uint8_t {
  v4,
  v6,
  keep,  // That of the client's own address.
};

// As the option table has them.
std::vector<std::string> default_external_ip_stun();
std::vector<std::string> default_external_ip_http();

struct Config {
  // Listeners.
  std::vector<Ip> listening_ips;       // Empty: every address; 0.0.0.0 and :: mean all of a family.
  uint16_t listening_port = 3478;      // On every listening address.
  uint16_t tls_listening_port = 5349;  // Second port, for the same protocols; 0: not opened.
  uint16_t alt_listening_port = 0;     // RFC 5780's second ports; 0: the first one plus 1.
  uint16_t alt_tls_listening_port = 0;
  std::vector<uint16_t> tcp_proxy_ports;  // Connections there begin with a PROXY header...
  std::vector<IpRange> proxy_sources;     // ...and come from these; not empty if there are ports.
  bool no_udp = false;                    // No listening UDP socket; DTLS goes with it.
  bool no_tcp = false;                    // No listening TCP socket; TLS goes with it.
  bool no_tls = false;
  bool no_dtls = false;
  uint32_t sock_buf_size_bytes = 2'097'152;  // Kernel buffers of a UDP socket; 0: the system's.
  uint32_t relay_threads = 0;                // Workers; 0: one per core that this cgroup may use.
  uint32_t wake_up_moderation_us = 200;      // See wake_up_moderator.h; 0: off.
  uint32_t busy_poll_us = 0;                 // Of the listening UDP sockets; 0: off.
  bool gather_peers = false;                 // See net/gathering.h.

  // TLS and DTLS. Certificates and keys belong together in the order in which they were given; with
  // none a self-signed certificate is made in memory.
  std::vector<std::string> cert_paths;
  std::vector<std::string> pkey_paths;  // Fewer than certificates: the key is in the same file.
  std::string pkey_password;
  std::string ca_file_path;   // Not empty: clients must show a certificate of this authority.
  std::string cipher_list;    // OpenSSL's form; empty: the defaults.
  std::string ec_curve_name;  // Key exchange groups; empty: the defaults.
  bool no_tlsv1_2 = false;    // TLS 1.3 only, and so no DTLS.
  uint32_t max_allocate_timeout_s = 60;  // A connection without an allocation lives that long.
  uint32_t max_connections_per_source = 8192;  // TCP and TLS, per client address; 0: no limit.

  // Under which name or address clients reach us, IPv6 in brackets; empty: the external address, or
  // our own. For what we print, not for what we serve.
  std::string public_host;

  // Relayed addresses.
  std::vector<Ip> relay_ips;  // Empty: chosen per allocation from where the client came in.
  std::vector<ExternalIp>
      external_ips;               // In the order given; at most one without `local` a family.
  bool external_ip_auto = false;  // Found and followed instead, by these ways in this order:
  std::vector<std::string> external_ip_stun = default_external_ip_stun();  // HOST[:PORT]
  bool external_ip_metadata = true;
  std::vector<std::string> external_ip_http = default_external_ip_http();  // http:// URLs.
  uint32_t external_ip_interval_s = 60;
  uint16_t min_port = 49152;
  uint16_t max_port = 65535;
  DefaultFamily allocation_default_address_family = DefaultFamily::v4;
  bool no_udp_relay = false;
  bool no_tcp_relay = false;  // No allocations of RFC 6062.

  // Who may.
  std::string realm = "turnpike";
  bool realm_is_set = false;     // Somebody chose it; else the user database may supply it.
  std::vector<User> users;       // No two of one name.
  std::string userdb_path;       // Empty: no database.
  std::string first_user;        // Made when nobody else could log in; empty: nobody is made.
  bool no_auth = false;          // Anonymous allocations; excludes users and secrets.
  bool use_auth_secret = false;  // Time-limited users, by the secrets below and the database's.
  std::vector<std::string> static_auth_secrets;
  char rest_api_separator = ':';       // Between timestamp and name of a time-limited user.
  bool strict_expiry = false;          // A Refresh fails once the name has expired.
  bool oauth = false;                  // RFC 7635: tokens, too.
  std::string server_name;             // That they are sealed for; empty: the realm.
  uint32_t stale_nonce_s = 600;        // Life of a nonce; 0: for ever.
  std::string stateless_nonce_secret;  // Shared by a fleet; empty: random per process.
  bool secure_stun = false;            // Binding needs credentials too.

  // Where Allocate requests are sent instead, by turns, as long as that server answers.
  std::vector<AlternateServer> alternate_servers;

  // Which peers.
  std::vector<PeerRule> peer_rules;
  bool allow_private_peers = false;
  bool allow_loopback_peers = false;
  bool no_dynamic_realms = false;   // The database's origins do not count.
  bool no_dynamic_ip_list = false;  // The database's peer rules do not count.

  // Limits. A quota of 0 is no limit.
  uint64_t user_quota = 0;                // Allocations at once per user.
  uint64_t total_quota = 0;               // Allocations at once per realm.
  uint64_t max_bps_bytes_per_s = 0;       // Per session, each direction.
  uint64_t bps_capacity_bytes_per_s = 0;  // All sessions together, each direction.
  uint32_t max_packets_per_s = 0;         // Per session, each direction; 0: no limit.
  uint32_t max_new_peers_per_s = 100;     // Per session; 0: no limit.
  uint32_t max_allocate_lifetime_s = 3600;
  uint32_t channel_lifetime_s = 600;
  uint32_t permission_lifetime_s = 300;
  uint32_t max_permissions_per_allocation = 64;
  uint32_t max_tcp_connections_per_allocation = 64;
  uint32_t max_channels_per_allocation = 64;
  bool unauthorized_ratelimit = true;         // Of error replies to strangers, per source prefix.
  uint32_t unauthorized_ratelimit_rps = 200;  // Sustained replies per second.
  uint32_t unauthorized_ratelimit_burst = 2000;  // Replies at once before the rate counts.
  uint32_t binding_ratelimit_rps = 5000;  // Binding successes per source address; 0: no limit.

  // Protocol.
  bool fingerprint = false;                  // FINGERPRINT also where the request had none.
  bool software_attribute = false;           // SOFTWARE in replies.
  bool include_reason_string = false;        // Reason phrase in error replies.
  bool tcp_connect_back = false;             // For users who ask what their NAT lets in.
  bool rfc5780 = false;                      // NAT behaviour discovery in Binding.
  bool rfc3489_compatibility = false;        // Answers Binding requests without the magic cookie.
  bool stun_backward_compatibility = false;  // MAPPED-ADDRESS beside XOR-MAPPED-ADDRESS.
  bool rfc5766_channel_numbers = true;       // Channels 0x5000-0x7FFF as well.
  bool mobility = false;                     // RFC 8016: sessions follow their clients.
  bool no_stun = false;                      // Binding requests are not answered.
  bool stun_only = false;                    // TURN requests are not answered.

  // Metrics.
  bool prometheus = false;
  uint16_t prometheus_port = 9641;
  std::vector<Ip> prometheus_ips;  // Empty: every address.
  std::string prometheus_path = "/metrics";
  bool prometheus_username_labels = false;
  bool prometheus_coturn_names = false;  // Beside our own.

  // Credentials for web pages.
  std::vector<Endpoint> rest_listen;            // Empty: they are not given.
  std::vector<std::string> rest_api_keys;       // Not empty if they are.
  std::vector<std::string> rest_allow_origins;  // "*": all.
  uint32_t rest_ttl_s = 86'400;
  uint32_t rest_limit_rps = 100;            // Altogether; 0: no limit.
  uint32_t rest_limit_per_source_rps = 10;  // 0: no limit.

  // Logs and process.
  LogTarget log_target = LogTarget::standard_error;
  std::string log_file_path;  // For LogTarget::file.
  LogFormat log_format = LogFormat::text;
  LogLevel log_level = LogLevel::info;
  bool redact_addresses = false;  // Client and peer addresses lose their host part in logs.
  std::string pidfile_path;       // Empty: none is written.
  std::string proc_user;          // Rights are dropped to this user's after the start; empty: kept.
  std::string proc_group;         // Empty: the user's own.

  // Operation.
  bool admin_socket = true;
  std::string admin_socket_path;   // Empty: the usual place.
  std::string admin_socket_group;  // May use the socket; empty: the owner alone.
  uint16_t admin_port = 0;         // HTTP on admin_address; 0: not opened.
  Ip admin_address = Ip::v4(0x7f000001);
  std::string admin_token;             // What admin_port asks for.
  uint32_t drain_timeout_s = 0;        // After SIGTERM; 0: stops at once.
  uint64_t drain_min_allocations = 0;  // Draining ends when there are no more than these.

  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace turnpike::config
