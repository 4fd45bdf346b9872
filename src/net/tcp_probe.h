// TCP connections from a port that may be in use: by connections elsewhere, and by a listener that
// allows it.
#pragma once

#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

// What keeps a connection from leaving from `local`: EADDRINUSE when somebody listens there. 0:
// nothing.
[[nodiscard]] int tcp_port_error(const Endpoint& local);
// The same for connect_shared().
[[nodiscard]] int shared_port_error(const Endpoint& local);

// Begins to connect, without waiting; connect_error() of tcp_connect.h tells the outcome.
Result<Fd, SysError> connect_shared(const Endpoint& local, const Endpoint& remote);

// What it is bound to.
Endpoint local_endpoint(const Fd& fd);

}  // namespace turnpike::net
