// The listening sockets of all workers: one of each per worker and address, in one SO_REUSEPORT
// group that is complete before anybody reads from it and never changes, so that the kernel sends a
// client to the same worker for as long as the server runs.
#pragma once

#include <vector>

#include "config/config.h"
#include "net/inherited_sockets.h"
#include "net/socket.h"
#include "net/sys_error.h"
#include "net/tcp.h"

namespace turnpike::server {

// The addresses that a configuration asks for.
std::vector<Endpoint> listening_endpoints(const config::Config& config);
// The same of the ports for load balancers (PROXY protocol).
std::vector<Endpoint> proxied_endpoints(const config::Config& config);
// The same of the metrics.
std::vector<Endpoint> metrics_endpoints(const config::Config& config);

struct WorkerListeners {
  std::vector<net::UdpSocket> udp;
  std::vector<net::Fd> tcp;
  std::vector<net::Fd> proxied;
};

// An option that the kernel did not grant is worth a line in the log, and no more.
void warn_of_busy_poll(const config::Config& config, const WorkerListeners& listeners);

struct Listeners {
  std::vector<Endpoint> endpoints;  // What is served where is the same everywhere.
  std::vector<Endpoint> proxied_endpoints;
  std::vector<WorkerListeners> of_worker;
};

// Relay addresses that cannot be bound now may come later; until then allocations on them fail.
void warn_of_relay_ips(const config::Config& config);

// All or nothing; every address that can't be had is in the errors. A wildcard of a family that
// this host lacks is left out, unless nothing else is left.
Result<Listeners, std::vector<net::SysError>> bind_listeners(const config::Config& config,
                                                             uint32_t workers);

// From the service manager's sockets, which decide about addresses and ports. A UDP socket can be
// read by one worker only; the other workers need sockets of their own beside it, which the kernel
// grants when ours and the manager's have ReusePort= and one user. Where it does not, `of_worker`
// has a single worker.
Result<Listeners, std::vector<net::SysError>> adopt_listeners(
    const config::Config& config, uint32_t workers, std::vector<net::InheritedSocket> sockets);

}  // namespace turnpike::server
