#include "net/tcp_connect.h"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/socket.h"

namespace turnpike::net {
namespace {

// Peers that wait to be accepted. The worker accepts as they come, so this covers a burst.
constexpr int kBacklog = 64;

int set_flag(const Fd& fd, int level, int name) {
  const int on = 1;
  return setsockopt(fd.get(), level, name, &on, sizeof(on)) == 0 ? 0 : errno;
}

Fd make_tcp_socket(const Endpoint& local) {
  const int family = local.ip.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd && family == AF_INET6) static_cast<void>(set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY));
  return fd;
}

}  // namespace

Result<Fd, int> listen_alone(const Endpoint& local) {
  Fd fd = make_tcp_socket(local);
  if (!fd) return unexpected(errno);
  // Remains of earlier connections are no obstacle; a socket that listens is.
  if (const int error = set_flag(fd, SOL_SOCKET, SO_REUSEADDR); error != 0) {
    return unexpected(error);
  }
  SockAddr address{};
  const socklen_t size = to_sockaddr(local, address);
  if (::bind(fd.get(), &address.any, size) != 0) return unexpected(errno);
  if (::listen(fd.get(), kBacklog) != 0) return unexpected(errno);
  // Only now: from here on it lets connections of ours leave from its port, while another bind()
  // without this option goes on failing.
  if (const int error = set_flag(fd, SOL_SOCKET, SO_REUSEPORT); error != 0) {
    return unexpected(error);
  }
  return fd;
}

Result<Fd, int> connect_from(const Endpoint& local, const Endpoint& peer) {
  Fd fd = make_tcp_socket(local);
  if (!fd) return unexpected(errno);
  for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) {
    if (const int error = set_flag(fd, SOL_SOCKET, option); error != 0) return unexpected(error);
  }
  static_cast<void>(set_flag(fd, IPPROTO_TCP, TCP_NODELAY));
  SockAddr address{};
  socklen_t size = to_sockaddr(local, address);
  if (::bind(fd.get(), &address.any, size) != 0) return unexpected(errno);
  SockAddr to{};
  size = to_sockaddr(peer, to);
  if (::connect(fd.get(), &to.any, size) != 0 && errno != EINPROGRESS) return unexpected(errno);
  return fd;
}

int connect_error(const Fd& fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  return getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void end_sending(const Fd& fd) {
  // It fails only when the connection is gone, which its reader notices.
  static_cast<void>(::shutdown(fd.get(), SHUT_WR));
}

void reset_on_close(const Fd& fd) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  static_cast<void>(setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
}

}  // namespace turnpike::net
