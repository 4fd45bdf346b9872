#include "webrtc/own_server.h"

#include <algorithm>

namespace turnpike::webrtc {
namespace {

// The address that most clients can reach.
Ip address_of(const config::Config& config, const net::HostAddresses& host) {
  for (const config::ExternalIp& external : config.external_ips) {
    if (external.external.is_v4()) return external.external;
  }
  if (!config.external_ips.empty()) return config.external_ips.front().external;
  const auto specific = std::find_if(config.listening_ips.begin(), config.listening_ips.end(),
                                     [](const Ip& ip) { return !ip.is_unspecified(); });
  if (specific != config.listening_ips.end()) return *specific;
  if (host.default_v4) return *host.default_v4;
  if (host.default_v6) return *host.default_v6;
  for (const net::LocalAddress& address : host.addresses) {
    if (address.lasting() && !address.ip.is_loopback()) return address.ip;
  }
  return *Ip::parse("127.0.0.1");
}

UriHost host_of(const config::Config& config, const net::HostAddresses& host) {
  if (const auto named = UriHost::parse(config.public_host)) return *named;
  const Ip ip = address_of(config, host);
  return {ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]", true};
}

// Empty: clients can use TLS.
std::string reason_against_turns(const config::Config& config, const UriHost& host,
                                 const IsCertified& is_certified) {
  if (config.no_tls || config.no_tcp) return "TLS is switched off";
  if (host.is_address) {
    return "a certificate is checked against a host name: set public-host and cert";
  }
  if (config.cert_paths.empty()) return "no cert is configured";
  if (is_certified(host.text)) return {};
  return "no certificate is for " + host.text;
}

}  // namespace

OwnServer own_server(const config::Config& config, const net::HostAddresses& host,
                     const IsCertified& is_certified) {
  OwnServer out{.server = {.host = host_of(config, host),
                           .port = config.listening_port,
                           .udp = !config.no_udp,
                           .tcp = !config.no_tcp,
                           .tls_port = {},
                           .username = {},
                           .credential = {}},
                .no_turns = {}};
  out.no_turns = reason_against_turns(config, out.server.host, is_certified);
  if (out.no_turns.empty()) {
    // Both ports serve the same.
    out.server.tls_port =
        config.tls_listening_port != 0 ? config.tls_listening_port : config.listening_port;
  }
  return out;
}

}  // namespace turnpike::webrtc
