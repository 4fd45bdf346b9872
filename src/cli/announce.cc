#include "cli/announce.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/ip_range.h"
#include "base/log.h"
#include "net/tls_certificate.h"

namespace turnpike::cli {
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

// RFC 1918, RFC 6598.
bool is_private(const Ip& ip) {
  static const std::array ranges = {*IpRange::parse("10.0.0.0/8"), *IpRange::parse("172.16.0.0/12"),
                                    *IpRange::parse("192.168.0.0/16"),
                                    *IpRange::parse("100.64.0.0/10")};
  return std::any_of(ranges.begin(), ranges.end(),
                     [&ip](const IpRange& range) { return range.contains(ip); });
}

UriHost host_of(const config::Config& config, const net::HostAddresses& host) {
  if (const auto named = UriHost::parse(config.public_host)) return *named;
  const Ip ip = address_of(config, host);
  return {ip.is_v4() ? ip.to_string() : "[" + ip.to_string() + "]", true};
}

// Empty: clients can use TLS.
std::string reason_against_turns(const config::Config& config, const UriHost& host) {
  if (config.no_tls || config.no_tcp) return "TLS is switched off";
  if (host.is_address) {
    return "a certificate is checked against a host name: set public-host and cert";
  }
  if (config.cert_paths.empty()) return "no cert is configured";
  for (const std::string& path : config.cert_paths) {
    const auto named = net::certificate_file_names(path, host.text);
    if (named && *named) return {};
  }
  return "no certificate is for " + host.text;
}

}  // namespace

Announcement announcement_of(const config::Config& config, const net::HostAddresses& host,
                             const FirstUser& user) {
  Announcement out{.server = {.host = host_of(config, host),
                              .port = config.listening_port,
                              .udp = !config.no_udp,
                              .tcp = !config.no_tcp,
                              .tls_port = {},
                              .username = user.name,
                              .credential = user.password},
                   .no_turns = {}};
  out.no_turns = reason_against_turns(config, out.server.host);
  if (out.no_turns.empty()) {
    // Both ports serve the same.
    out.server.tls_port =
        config.tls_listening_port != 0 ? config.tls_listening_port : config.listening_port;
  }
  return out;
}

void announce(const config::Config& config, const FirstUser& user) {
  const auto host = net::HostAddresses::read();
  const Announcement what = announcement_of(config, host ? *host : net::HostAddresses{}, user);
  std::fputs(ice_servers_json(what.server).c_str(), stdout);
  std::fflush(stdout);
  log_info("first_user", {{"name", user.name},
                          {"file", user.file},
                          {"note", "its iceServers are on standard output"}});
  if (!what.no_turns.empty()) log_info("no_turns_url", {{"reason", what.no_turns}});
  const auto ip = Ip::parse(what.server.host.text);
  if (ip && is_private(*ip)) {
    log_warning(
        "private_address",
        {{"address", *ip}, {"note", "for clients on the Internet set external-ip or public-host"}});
  }
}

}  // namespace turnpike::cli
