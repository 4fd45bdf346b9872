#include "net/plain_udp.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <poll.h>

namespace turnpike::net {
namespace {

int result_of(ssize_t result) {
  return result < 0 ? errno : 0;
}

}  // namespace

int connect_udp(const UdpSocket& socket, const Endpoint& remote) {
  SockAddr address;
  const socklen_t size = to_sockaddr(remote, address);
  return result_of(::connect(socket.fd(), &address.any, size));
}

int send_connected(const UdpSocket& socket, ByteView bytes) {
  return result_of(::send(socket.fd(), bytes.data(), bytes.size(), 0));
}

int send_to(const UdpSocket& socket, const Endpoint& to, ByteView bytes) {
  SockAddr address;
  const socklen_t size = to_sockaddr(to, address);
  return result_of(::sendto(socket.fd(), bytes.data(), bytes.size(), 0, &address.any, size));
}

Received receive_one(const UdpSocket& socket, ByteSpan buffer) {
  SockAddr address{};
  socklen_t size = sizeof(address);
  const ssize_t got = ::recvfrom(socket.fd(), buffer.data(), buffer.size(), 0, &address.any, &size);
  if (got < 0) return {.error = errno};
  return {.bytes = buffer.first(static_cast<size_t>(got)), .from = from_sockaddr(address)};
}

Endpoint bound_endpoint(const UdpSocket& socket) {
  SockAddr address{};
  socklen_t size = sizeof(address);
  if (::getsockname(socket.fd(), &address.any, &size) != 0) return {};
  return from_sockaddr(address);
}

std::optional<Ip> source_address_to(const Endpoint& remote) {
  // Connecting a UDP socket sends nothing; it only asks the routing table.
  const auto socket = make_udp_socket({.family = remote.ip.family()});
  if (!socket || connect_udp(*socket, remote) != 0) return {};
  return bound_endpoint(*socket).ip;
}

void wait_readable(std::span<const UdpSocket* const> sockets, Duration max_wait) {
  std::vector<pollfd> list;
  list.reserve(sockets.size());
  for (const UdpSocket* socket : sockets) {
    list.push_back({.fd = socket->fd(), .events = POLLIN, .revents = 0});
  }
  const Duration wait = std::max(max_wait, Duration::zero());
  const auto whole = std::chrono::floor<seconds>(wait);
  const timespec limit{.tv_sec = whole.count(), .tv_nsec = (wait - whole).count()};
  ::ppoll(list.data(), list.size(), &limit, nullptr);
}

}  // namespace turnpike::net
