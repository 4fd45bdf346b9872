// TCP for programs that wait: one connection, blocking up to a deadline. The server's own streams
// are in tcp.h.
#pragma once

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

// Non-blocking, close-on-exec; for read_stream() and write_stream().
Result<Fd, SysError> connect_and_wait(const Endpoint& to, Duration patience);

// False: nothing came in time.
bool wait_for_input(const Fd& fd, Duration patience);

}  // namespace turnpike::net
