#include "cli/announce.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/ip_range.h"
#include "base/log.h"
#include "net/tls_certificate.h"

namespace turnpike::cli {
namespace {

// RFC 1918, RFC 6598.
bool is_private(const Ip& ip) {
  static const std::array ranges = {*IpRange::parse("10.0.0.0/8"), *IpRange::parse("172.16.0.0/12"),
                                    *IpRange::parse("192.168.0.0/16"),
                                    *IpRange::parse("100.64.0.0/10")};
  return std::any_of(ranges.begin(), ranges.end(),
                     [&ip](const IpRange& range) { return range.contains(ip); });
}

// In the files, since there is no server yet that has read them.
bool is_in_a_certificate(const config::Config& config, const std::string& name) {
  return std::any_of(config.cert_paths.begin(), config.cert_paths.end(),
                     [&name](const std::string& path) {
                       const auto named = net::certificate_file_names(path, name);
                       return named && *named;
                     });
}

}  // namespace

webrtc::OwnServer announcement_of(const config::Config& config, const net::HostAddresses& host,
                                  const FirstUser& user) {
  auto own = webrtc::own_server(config, host, [&config](const std::string& name) {
    return is_in_a_certificate(config, name);
  });
  own.server.username = user.name;
  own.server.credential = user.password;
  return own;
}

void announce(const config::Config& config, const FirstUser& user) {
  const auto host = net::HostAddresses::read();
  const webrtc::OwnServer what = announcement_of(config, host ? *host : net::HostAddresses{}, user);
  std::fputs(webrtc::ice_servers_json(what.server).c_str(), stdout);
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
