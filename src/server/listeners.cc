#include "server/listeners.h"

#include <cerrno>

#include "base/log.h"

namespace turnpike::server {
namespace {

net::UdpOptions listener_options(const config::Config& config, const Endpoint& local) {
  net::UdpOptions options;
  options.reuse_port = true;
  options.packet_info = local.ip.is_unspecified();
  options.gro = true;
  options.receive_buffer = static_cast<int>(config.sock_buf_size_bytes);
  options.send_buffer = static_cast<int>(config.sock_buf_size_bytes);
  return options;
}

// Within a group of one user any process may join, so a second server would silently share our
// clients. A socket outside the group finds out whether the port is free.
Result<void, net::SysError> check_free(const Endpoint& local) {
  auto probe = net::open_udp_socket({}, local);
  if (!probe) return unexpected(probe.error());
  return {};
}

bool is_missing_family(const Endpoint& local, int code) {
  const bool wildcard = local.ip.is_unspecified();
  return wildcard && !local.ip.is_v4() && (code == EAFNOSUPPORT || code == EADDRNOTAVAIL);
}

Result<std::vector<net::UdpSocket>, net::SysError> bind_group(const config::Config& config,
                                                              const Endpoint& local,
                                                              uint32_t workers) {
  if (auto free = check_free(local); !free) return unexpected(free.error());
  std::vector<net::UdpSocket> group;
  for (uint32_t i = 0; i < workers; ++i) {
    auto socket = net::open_udp_socket(listener_options(config, local), local);
    if (!socket) return unexpected(socket.error());
    group.push_back(std::move(*socket));
  }
  return group;
}

}  // namespace

std::vector<Endpoint> listening_endpoints(const config::Config& config) {
  std::vector<Ip> ips = config.listening_ips;
  if (ips.empty()) ips = {any_address(IpFamily::v4), any_address(IpFamily::v6)};
  std::vector<Endpoint> endpoints;
  for (const Ip& ip : ips) {
    endpoints.push_back({ip, config.listening_port});
    if (config.tls_listening_port != 0 && config.tls_listening_port != config.listening_port) {
      endpoints.push_back({ip, config.tls_listening_port});
    }
  }
  return endpoints;
}

Result<Listeners, std::vector<net::SysError>> bind_listeners(const config::Config& config,
                                                             uint32_t workers) {
  Listeners listeners;
  listeners.of_worker.resize(workers);
  std::vector<net::SysError> errors;
  for (const Endpoint& local : listening_endpoints(config)) {
    auto group = bind_group(config, local, workers);
    if (!group) {
      if (is_missing_family(local, group.error().code)) {
        log_info("listener_left_out", {{"address", local.to_string()},
                                       {"reason", "this host has no IPv6"}});
      } else {
        errors.push_back(group.error());
      }
      continue;
    }
    listeners.endpoints.push_back(local);
    for (uint32_t i = 0; i < workers; ++i) {
      listeners.of_worker[i].push_back(std::move((*group)[i]));
    }
  }
  if (errors.empty() && listeners.endpoints.empty()) {
    errors.push_back({EADDRNOTAVAIL, "no address to listen on"});
  }
  if (!errors.empty()) return unexpected(std::move(errors));
  return listeners;
}

}  // namespace turnpike::server
