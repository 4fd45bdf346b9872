#include "server/listeners.h"

#include <cerrno>

#include "base/log.h"
#include "config/discovery_listeners.h"

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

std::vector<Ip> listening_ips(const config::Config& config) {
  if (!config.listening_ips.empty()) return config.listening_ips;
  return {any_address(IpFamily::v4), any_address(IpFamily::v6)};
}

bool is_missing_family(const Endpoint& local, int code) {
  const bool wildcard = local.ip.is_unspecified();
  return wildcard && !local.ip.is_v4() && (code == EAFNOSUPPORT || code == EADDRNOTAVAIL);
}

// Within a group of one user any process may join, so a second server would silently share our
// clients. A first socket outside the group finds out whether the port is free.
Result<void, net::SysError> bind_udp(const config::Config& config, const Endpoint& local,
                                     std::vector<WorkerListeners>& workers) {
  if (auto probe = net::open_udp_socket({}, local); !probe) return unexpected(probe.error());
  for (WorkerListeners& worker : workers) {
    auto socket = net::open_udp_socket(listener_options(config, local), local);
    if (!socket) return unexpected(socket.error());
    worker.udp.push_back(std::move(*socket));
  }
  return {};
}

Result<void, net::SysError> bind_tcp(const Endpoint& local, std::vector<WorkerListeners>& workers,
                                     std::vector<net::Fd> WorkerListeners::*kind) {
  if (auto probe = net::listen_tcp(local, net::ReusePort::no); !probe) {
    return unexpected(probe.error());
  }
  for (WorkerListeners& worker : workers) {
    auto socket = net::listen_tcp(local, net::ReusePort::yes);
    if (!socket) return unexpected(socket.error());
    (worker.*kind).push_back(std::move(*socket));
  }
  return {};
}

Result<void, net::SysError> bind_all(const config::Config& config, const Endpoint& local,
                                     std::vector<WorkerListeners>& workers) {
  if (!config.no_udp) {
    if (auto bound = bind_udp(config, local, workers); !bound) return bound;
  }
  if (!config.no_tcp) {
    if (auto bound = bind_tcp(local, workers, &WorkerListeners::tcp); !bound) return bound;
  }
  return {};
}

}  // namespace

std::vector<Endpoint> listening_endpoints(const config::Config& config) {
  std::vector<Endpoint> endpoints;
  for (const Ip& ip : listening_ips(config)) {
    endpoints.push_back({ip, config.listening_port});
    if (config.tls_listening_port != 0 && config.tls_listening_port != config.listening_port) {
      endpoints.push_back({ip, config.tls_listening_port});
    }
  }
  // RFC 5780 section 6: the second ports of those addresses that have a counterpart.
  for (const config::EndpointSquare& square : config::discovery_squares(config)) {
    endpoints.insert(endpoints.end(), {square[1], square[3]});
  }
  return endpoints;
}

std::vector<Endpoint> proxied_endpoints(const config::Config& config) {
  std::vector<Endpoint> endpoints;
  for (const Ip& ip : listening_ips(config)) {
    for (const uint16_t port : config.tcp_proxy_ports) endpoints.push_back({ip, port});
  }
  return endpoints;
}

std::vector<Endpoint> metrics_endpoints(const config::Config& config) {
  std::vector<Ip> ips = config.prometheus_ips;
  if (ips.empty()) ips = {any_address(IpFamily::v4), any_address(IpFamily::v6)};
  std::vector<Endpoint> endpoints;
  for (const Ip& ip : ips) endpoints.push_back({ip, config.prometheus_port});
  return endpoints;
}

Result<Listeners, std::vector<net::SysError>> bind_listeners(const config::Config& config,
                                                             uint32_t workers) {
  Listeners listeners;
  listeners.of_worker.resize(workers);
  std::vector<net::SysError> errors;
  const auto judge = [&](const Endpoint& local, const Result<void, net::SysError>& bound,
                         std::vector<Endpoint>& served) {
    if (bound) {
      served.push_back(local);
    } else if (is_missing_family(local, bound.error().code)) {
      log_info("listener_left_out",
               {{"address", local.to_string()}, {"reason", "this host has no IPv6"}});
    } else {
      errors.push_back(bound.error());
    }
  };
  for (const Endpoint& local : listening_endpoints(config)) {
    judge(local, bind_all(config, local, listeners.of_worker), listeners.endpoints);
  }
  for (const Endpoint& local : proxied_endpoints(config)) {
    judge(local, bind_tcp(local, listeners.of_worker, &WorkerListeners::proxied),
          listeners.proxied_endpoints);
  }
  if (errors.empty() && listeners.endpoints.empty()) {
    errors.push_back({EADDRNOTAVAIL, "no address to listen on"});
  }
  if (!errors.empty()) return unexpected(std::move(errors));
  return listeners;
}

}  // namespace turnpike::server
