#include "net/tcp.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

namespace turnpike::net {
namespace {

void tune(const Fd& fd, int level, int name, int value) {
  // A tuning that the kernel refuses costs speed, not correctness.
  static_cast<void>(setsockopt(fd.get(), level, name, &value, sizeof(value)));
}

bool is_again(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

Endpoint own_address(const Fd& fd) {
  SockAddr address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd.get(), &address.any, &size) != 0) return {};
  return from_sockaddr(address);
}

StreamRead receive(const Fd& fd, ByteSpan room, int flags) {
  const ssize_t size = ::recv(fd.get(), room.data(), room.size(), flags);
  if (size > 0) return {StreamResult::some, room.first(static_cast<size_t>(size))};
  if (size < 0 && (is_again(errno) || errno == EINTR)) return {StreamResult::would_block, {}};
  return {StreamResult::closed, {}, size < 0};
}

}  // namespace

Result<Fd, SysError> listen_tcp(const Endpoint& local, ReusePort reuse_port) {
  const int family = local.ip.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string what = "listen on " + local.to_string() + " (TCP)";
  if (!fd) return unexpected(last_error(what));
  tune(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port == ReusePort::yes) tune(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (family == AF_INET6) tune(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  SockAddr address{};
  const socklen_t size = to_sockaddr(local, address);
  if (::bind(fd.get(), &address.any, size) != 0) return unexpected(last_error(what));
  if (::listen(fd.get(), SOMAXCONN) != 0) return unexpected(last_error(what));
  return fd;
}

Result<Fd, SysError> begin_tcp_connection(const Endpoint& remote) {
  const int family = remote.ip.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string what = "connect to " + remote.to_string();
  if (!fd) return unexpected(last_error(what));
  tune(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SockAddr address{};
  const socklen_t size = to_sockaddr(remote, address);
  if (::connect(fd.get(), &address.any, size) != 0 && errno != EINPROGRESS) {
    return unexpected(last_error(what));
  }
  return fd;
}

bool is_scarce(const Fd& fd) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || fd.get() < 0) return false;
  // The kernel gives out the lowest number that is free.
  return static_cast<rlim_t>(fd.get()) >= limit.rlim_cur - limit.rlim_cur / 8;
}

void renumber(Fd& fd) {
  Fd lower(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (lower && lower.get() < fd.get()) fd = std::move(lower);
}

Result<AcceptedStream, AcceptError> accept_tcp(const Fd& listener) {
  SockAddr peer{};
  socklen_t size = sizeof(peer);
  Fd fd(::accept4(listener.get(), &peer.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (is_again(errno)) return unexpected(AcceptError::none_waiting);
    const bool exhausted =
        errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return unexpected(exhausted ? AcceptError::no_descriptors : AcceptError::try_next);
  }
  tune(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  AcceptedStream accepted;
  accepted.peer = from_sockaddr(peer);
  accepted.local = own_address(fd);
  accepted.fd = std::move(fd);
  return accepted;
}

StreamRead read_stream(const Fd& fd, ByteSpan room) {
  return receive(fd, room, 0);
}

StreamRead peek_stream(const Fd& fd, ByteSpan room) {
  return receive(fd, room, MSG_PEEK);
}

bool has_ended(const Fd& fd) {
  std::array<uint8_t, 1> first{};
  return peek_stream(fd, first).result == StreamResult::closed;
}

StreamWrite write_stream(const Fd& fd, ByteView bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t size =
        ::send(fd.get(), bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && is_again(errno)) return {StreamResult::would_block, written};
    if (size <= 0) return {StreamResult::closed, written};
    written += static_cast<size_t>(size);
  }
  return {StreamResult::some, written};
}

}  // namespace turnpike::net
