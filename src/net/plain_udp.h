// UDP one datagram at a time, for programs that wait: probe, tests, tools. The server's data path
// is datagram_io.h.
#pragma once

#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/time.h"
#include "net/socket.h"

namespace turnpike::net {

// Each answers 0 or an errno.

// From now on the socket talks to `remote` only, and the kernel reports what is refused there.
[[nodiscard]] int connect_udp(const UdpSocket& socket, const Endpoint& remote);
[[nodiscard]] int send_connected(const UdpSocket& socket, ByteView bytes);
[[nodiscard]] int send_to(const UdpSocket& socket, const Endpoint& to, ByteView bytes);

struct Received {
  int error = 0;        // EAGAIN: nothing is there.
  ByteView bytes = {};  // In the caller's buffer.
  Endpoint from = {};
};
Received receive_one(const UdpSocket& socket, ByteSpan buffer);

// What the socket is bound to by now, port and (once connected) address.
Endpoint bound_endpoint(const UdpSocket& socket);

// The address that this host would send from to reach `remote`; nothing without a route.
std::optional<Ip> source_address_to(const Endpoint& remote);

// Waits until one of the sockets has something to read, or `max_wait` is over; a signal may end it
// early.
void wait_readable(std::span<const UdpSocket* const> sockets, Duration max_wait);

}  // namespace turnpike::net
