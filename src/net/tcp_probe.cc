#include "net/tcp_probe.h"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/socket.h"

namespace turnpike::net {
namespace {

void set_on(const Fd& fd, int level, int name) {
  // What the kernel refuses shows when the port is bound.
  const int yes = 1;
  static_cast<void>(::setsockopt(fd.get(), level, name, &yes, sizeof(yes)));
}

Fd make_socket(const Endpoint& local) {
  const int family = local.ip.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  // With it, connections that have ended and wait for stragglers are not in the way.
  set_on(fd, SOL_SOCKET, SO_REUSEADDR);
  if (family == AF_INET6) set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  return fd;
}

int bind_error(const Fd& fd, const Endpoint& local) {
  SockAddr address{};
  const socklen_t size = to_sockaddr(local, address);
  return ::bind(fd.get(), &address.any, size) == 0 ? 0 : errno;
}

}  // namespace

int tcp_port_error(const Endpoint& local) {
  const Fd fd = make_socket(local);
  return fd ? bind_error(fd, local) : errno;
}

int shared_port_error(const Endpoint& local) {
  const Fd fd = make_socket(local);
  if (!fd) return errno;
  set_on(fd, SOL_SOCKET, SO_REUSEPORT);
  return bind_error(fd, local);
}

Result<Fd, SysError> connect_shared(const Endpoint& local, const Endpoint& remote) {
  const std::string what = "connect " + local.to_string() + " to " + remote.to_string() + " (TCP)";
  Fd fd = make_socket(remote);
  if (!fd) return unexpected(last_error(what));
  set_on(fd, SOL_SOCKET, SO_REUSEPORT);
  set_on(fd, IPPROTO_TCP, TCP_NODELAY);
  SockAddr address{};
  socklen_t size = to_sockaddr(local, address);
  if (::bind(fd.get(), &address.any, size) != 0) return unexpected(last_error(what));
  size = to_sockaddr(remote, address);
  if (::connect(fd.get(), &address.any, size) != 0 && errno != EINPROGRESS) {
    return unexpected(last_error(what));
  }
  return fd;
}

Endpoint local_endpoint(const Fd& fd) {
  SockAddr address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd.get(), &address.any, &size) != 0) return {};
  return from_sockaddr(address);
}

}  // namespace turnpike::net
