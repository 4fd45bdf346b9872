#include "config/validate_listeners.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "config/discovery_listeners.h"

namespace turnpike::config {
namespace {

// Everything that listens is one port of its own on each address.
void check_alternate_ports(const Config& config, Remarks& remarks) {
  struct Port {
    const char* option;
    uint16_t number;
  };
  std::vector<Port> ports = {{"listening-port", config.listening_port}};
  if (config.tls_listening_port != 0) {
    ports.push_back({"tls-listening-port", config.tls_listening_port});
  }
  ports.push_back(
      {"alt-listening-port", alternate_of(config.listening_port, config.alt_listening_port)});
  if (config.tls_listening_port != 0) {
    ports.push_back({"alt-tls-listening-port",
                     alternate_of(config.tls_listening_port, config.alt_tls_listening_port)});
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (ports[i].number != ports[j].number) continue;
      remarks.error(ports[i].option, std::string(ports[i].option) + " is " +
                                         std::to_string(ports[i].number) + ", as is " +
                                         ports[j].option +
                                         "; a second address needs a port of its own");
    }
  }
}

}  // namespace

void check_proxy(const Config& config, Remarks& remarks) {
  if (config.tcp_proxy_ports.empty()) {
    if (config.proxy_sources.empty()) return;
    return remarks.warn("proxy-from", "proxy-from has no effect without tcp-proxy-port");
  }
  if (config.proxy_sources.empty()) {
    remarks.error("tcp-proxy-port",
                  "tcp-proxy-port needs proxy-from: whoever connects there could say that he is "
                  "anybody; list the addresses of the load balancers");
  }
  if (config.no_tcp) {
    remarks.error("no-tcp", "no-tcp and tcp-proxy-port contradict each other");
  }
  for (size_t i = 0; i < config.tcp_proxy_ports.size(); ++i) {
    const uint16_t port = config.tcp_proxy_ports[i];
    const auto before = config.tcp_proxy_ports.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(config.tcp_proxy_ports.begin(), before, port) != before) {
      remarks.error_at("tcp-proxy-port", i,
                       "tcp-proxy-port names " + std::to_string(port) + " twice");
    }
    if (port == config.listening_port || port == config.tls_listening_port) {
      remarks.error_at("tcp-proxy-port", i,
                       "tcp-proxy-port " + std::to_string(port) +
                           " is a listening port too; clients and balancers need one each");
    }
  }
}

void check_alternate_servers(const Config& config, Remarks& remarks) {
  // Each is asked every few seconds.
  constexpr size_t kMost = 64;
  constexpr std::array kOptions = {"alternate-server", "udp-alternate-server",
                                   "tcp-alternate-server", "tls-alternate-server"};
  const auto set = std::find_if(kOptions.begin(), kOptions.end(),
                                [&](const char* option) { return remarks.is_set(option); });
  if (set == kOptions.end()) return;
  if (config.alternate_servers.size() > kMost) {
    remarks.error(*set, "more than " + std::to_string(kMost) + " alternate servers");
  }
  if (config.stun_only) {
    remarks.warn(*set, std::string(*set) +
                           " has no effect with stun-only: only clients that ask for an "
                           "allocation are sent elsewhere");
  }
}

void check_second_addresses(const Config& config, Remarks& remarks) {
  if (config.rfc5780 && config.no_stun) {
    remarks.error("rfc5780", "rfc5780 is about Binding requests, which no-stun switches off");
  }
  if (config.tcp_connect_back && config.no_auth) {
    remarks.error("tcp-connect-back",
                  "tcp-connect-back is for users, and no-auth leaves no users to tell apart");
  }
  if (!discovery_squares(config).empty()) return check_alternate_ports(config, remarks);
  if (config.rfc5780) {
    remarks.warn("rfc5780",
                 "rfc5780 without two listening-ip of one family (and an external-ip "
                 "PUBLIC/PRIVATE for each behind NAT) is served without CHANGE-REQUEST and "
                 "OTHER-ADDRESS: clients cannot learn their filtering behaviour here");
  }
  for (const char* option : {"alt-listening-port", "alt-tls-listening-port"}) {
    if (!remarks.is_set(option)) continue;
    remarks.warn(option,
                 std::string(option) +
                     " is not opened: that takes rfc5780 and two listening-ip of one family");
  }
}

}  // namespace turnpike::config
