#include "server/listeners.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

#include "base/log.h"
#include "config/discovery_listeners.h"

namespace turnpike::server {
namespace {

net::UdpOptions listener_options(const config::Config& config, const Endpoint& local) {
  net::UdpOptions options;
  options.reuse_port = true;
  options.packet_info = local.ip.is_unspecified();
  options.gro = true;
  options.many_senders = true;
  options.receive_buffer = static_cast<int>(config.sock_buf_size_bytes);
  options.send_buffer = static_cast<int>(config.sock_buf_size_bytes);
  options.busy_poll_us = static_cast<int>(config.busy_poll_us);
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

void warn_of_busy_poll(const config::Config& config, const WorkerListeners& listeners) {
  if (listeners.udp.empty()) return;
  const int granted = net::busy_poll_of(listeners.udp.front());
  if (granted >= static_cast<int>(config.busy_poll_us)) return;
  log_warning("busy_poll_refused", {{"wanted", config.busy_poll_us},
                                    {"granted", granted},
                                    {"reason", "it needs CAP_NET_ADMIN, or net.core.busy_read"}});
}

void warn_of_relay_ips(const config::Config& config) {
  for (const Ip& ip : config.relay_ips) {
    const auto socket = net::open_udp_socket({}, {ip, 0});
    if (socket) continue;
    log_warning("relay_ip_refused",
                {{"address", ip.to_string()}, {"reason", socket.error().to_string()}});
  }
}

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
  endpoints.reserve(ips.size());
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

namespace {

void note_endpoint(const Endpoint& local, Listeners& listeners) {
  auto& all = listeners.endpoints;
  if (std::find(all.begin(), all.end(), local) == all.end()) all.push_back(local);
}

// Each worker accepts from the same socket: which one gets a connection does not matter.
Result<void, net::SysError> share_tcp(net::InheritedSocket socket, Listeners& listeners) {
  for (WorkerListeners& worker : listeners.of_worker) {
    net::Fd copy(::fcntl(socket.fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return unexpected(net::last_error("duplicate a TCP socket"));
    worker.tcp.push_back(std::move(copy));
  }
  note_endpoint(socket.local, listeners);
  return {};
}

// False: the kernel gives no more sockets on that address.
Result<bool, net::SysError> share_udp(const config::Config& config, net::InheritedSocket socket,
                                      Listeners& listeners) {
  net::UdpOptions options = listener_options(config, socket.local);
  options.family = socket.local.ip.family();
  auto first = net::adopt_udp_socket(std::move(socket.fd), options, socket.local);
  if (!first) return unexpected(first.error());
  listeners.of_worker.front().udp.push_back(std::move(*first));
  note_endpoint(socket.local, listeners);
  for (size_t i = 1; i < listeners.of_worker.size(); ++i) {
    auto more = net::open_udp_socket(options, socket.local);
    if (!more) return false;
    listeners.of_worker[i].udp.push_back(std::move(*more));
  }
  return true;
}

}  // namespace

Result<Listeners, std::vector<net::SysError>> adopt_listeners(
    const config::Config& config, uint32_t workers, std::vector<net::InheritedSocket> sockets) {
  Listeners listeners;
  listeners.of_worker.resize(workers);
  const auto failed = [](const net::SysError& error) {
    return unexpected(std::vector<net::SysError>{error});
  };
  for (net::InheritedSocket& socket : sockets) {
    if (socket.kind != net::InheritedKind::udp || config.no_udp) continue;
    const Endpoint local = socket.local;
    const auto shared = share_udp(config, std::move(socket), listeners);
    if (!shared) return failed(shared.error());
    if (*shared || listeners.of_worker.size() == 1) continue;
    listeners.of_worker.resize(1);
    log_warning("one_worker", {{"address", local.to_string()},
                               {"reason",
                                "the service manager's UDP socket can't be shared; set "
                                "ReusePort=yes in the socket unit, or do without it"}});
  }
  for (net::InheritedSocket& socket : sockets) {
    if (socket.kind != net::InheritedKind::tcp_listener || config.no_tcp) continue;
    if (auto shared = share_tcp(std::move(socket), listeners); !shared) {
      return failed(shared.error());
    }
  }
  if (listeners.endpoints.empty()) {
    return failed({EADDRNOTAVAIL, "none of the service manager's sockets can be served"});
  }
  return listeners;
}

}  // namespace turnpike::server
