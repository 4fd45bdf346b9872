// Where clients reach this server, as far as its sockets, the configuration and the host tell.
#pragma once

#include <vector>

#include "base/endpoint.h"
#include "config/config.h"

namespace turnpike::server {

// Every address at which it listens, and what stands for it outside. `host` are the addresses of
// this host, of which an address like 0.0.0.0 means all.
std::vector<Endpoint> own_servers(const config::Config& config,
                                  const std::vector<Endpoint>& listening,
                                  const std::vector<Ip>& host);

}  // namespace turnpike::server
