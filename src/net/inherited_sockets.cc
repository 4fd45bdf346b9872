#include "net/inherited_sockets.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

namespace turnpike::net {
namespace {

constexpr int kFirstFd = 3;
constexpr int kMostFds = 256;

int number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return 0;
  const std::string_view view(text);
  int number = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), number);
  return error == std::errc() && end == view.data() + view.size() ? number : 0;
}

int socket_option(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

InheritedSocket described(int number) {
  InheritedSocket socket;
  socket.fd.reset(number);
  ::fcntl(number, F_SETFD, FD_CLOEXEC);
  ::fcntl(number, F_SETFL, ::fcntl(number, F_GETFL) | O_NONBLOCK);
  SockAddr address{};
  socklen_t size = sizeof(address);
  if (::getsockname(number, &address.any, &size) != 0) return socket;
  const int type = socket_option(number, SO_TYPE);
  const bool listens = socket_option(number, SO_ACCEPTCONN) == 1;
  const bool is_ip = address.any.sa_family == AF_INET || address.any.sa_family == AF_INET6;
  if (is_ip && type == SOCK_DGRAM) socket.kind = InheritedKind::udp;
  if (is_ip && type == SOCK_STREAM && listens) socket.kind = InheritedKind::tcp_listener;
  if (address.any.sa_family == AF_UNIX && type == SOCK_STREAM && listens) {
    socket.kind = InheritedKind::unix_listener;
  }
  if (is_ip) socket.local = from_sockaddr(address);
  return socket;
}

}  // namespace

std::vector<InheritedSocket> take_inherited_sockets() {
  std::vector<InheritedSocket> sockets;
  const bool for_us = number_in("LISTEN_PID") == ::getpid();
  const int count = number_in("LISTEN_FDS");
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
    ::unsetenv(variable);
  }
  if (!for_us || count > kMostFds) return sockets;
  for (int i = 0; i < count; ++i) sockets.push_back(described(kFirstFd + i));
  return sockets;
}

}  // namespace turnpike::net
