// TCP from an address of one's own choice: a socket that listens there, and connections that leave
// from the very same address and port.
#pragma once

#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"

namespace turnpike::net {

// Listens at exactly that address. Nobody else may listen there, of this process or another, while
// connect_from() may use the address. The error is an errno.
Result<Fd, int> listen_alone(const Endpoint& local);

// Begins to connect, without waiting. The socket is writable when the outcome is known; see
// connect_error(). The error is an errno.
Result<Fd, int> connect_from(const Endpoint& local, const Endpoint& peer);
// 0, or the errno that the attempt ended with.
int connect_error(const Fd& fd);

// No more bytes will be sent; what is in the kernel still goes out, then the end.
void end_sending(const Fd& fd);
// Closing it will be a reset: the peer is told that nobody is there, and no state is left behind.
void reset_on_close(const Fd& fd);

}  // namespace turnpike::net
