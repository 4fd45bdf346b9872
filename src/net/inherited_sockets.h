// Sockets that the service manager opened for us (socket activation: LISTEN_PID, LISTEN_FDS).
#pragma once

#include <vector>

#include "base/endpoint.h"
#include "net/fd.h"

namespace turnpike::net {

enum class InheritedKind : uint8_t {
  udp,
  tcp_listener,
  unix_listener,
  unknown,  // Something that we have no use for.
};

struct InheritedSocket {
  Fd fd;  // Non-blocking and close-on-exec from now on.
  InheritedKind kind = InheritedKind::unknown;
  Endpoint local;  // Of udp and tcp_listener.
};

// Takes them, once: the variables are removed, so that no child believes them to be its own.
std::vector<InheritedSocket> take_inherited_sockets();

}  // namespace turnpike::net
