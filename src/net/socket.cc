#include "net/socket.h"

#include <algorithm>
#include <array>

#include <netinet/udp.h>

#include "base/check.h"

namespace turnpike::net {
namespace {

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

int get_option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, level, name, &value, &size) == 0 ? value : 0;
}

// The forcing option goes over the system's limit where we have the privilege; the plain one is
// cut to the limit by the kernel without an error, so there is nothing to report here.
void set_buffer(int fd, int forcing, int plain, int bytes) {
  if (bytes <= 0) return;
  if (!set_option(fd, SOL_SOCKET, forcing, bytes)) set_option(fd, SOL_SOCKET, plain, bytes);
}

struct Option {
  bool wanted;
  int level;
  int name;
  int value;
  const char* text;
};

// The name of the first option that was refused; nullptr when all were taken.
const char* set_options(int fd, std::span<const Option> options) {
  for (const Option& option : options) {
    if (option.wanted && !set_option(fd, option.level, option.name, option.value)) {
      return option.text;
    }
  }
  return nullptr;
}

// Whatever a datagram that leaves needs. Neither DONT nor OMIT sets DF on IPv4, but a socket with
// DONT is not told when a router could not pass on a datagram that had it.
const char* set_sending_options(int fd, IpFamily family, bool icmp_errors) {
  if (family == IpFamily::v4) {
    const std::array list = {
        Option{true, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT, "IP_MTU_DISCOVER"},
        Option{icmp_errors, IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR"},
    };
    return set_options(fd, list);
  }
  const std::array list = {
      Option{true, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT, "IPV6_MTU_DISCOVER"},
      Option{icmp_errors, IPPROTO_IPV6, IPV6_RECVERR, 1, "IPV6_RECVERR"},
  };
  return set_options(fd, list);
}

const char* set_v4_options(int fd, const UdpOptions& options) {
  const std::array list = {
      Option{options.packet_info, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO"},
      Option{options.destination, IPPROTO_IP, IP_RECVORIGDSTADDR, 1, "IP_RECVORIGDSTADDR"},
      Option{options.packet_marks, IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL"},
      Option{options.packet_marks, IPPROTO_IP, IP_RECVTOS, 1, "IP_RECVTOS"},
  };
  return set_options(fd, list);
}

const char* set_v6_options(int fd, const UdpOptions& options, bool is_bound) {
  // Settled once a socket is bound: then it can only be looked at.
  if (is_bound && get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1) return "IPV6_V6ONLY";
  const std::array list = {
      Option{!is_bound, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"},
      Option{options.packet_info, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"},
      Option{options.destination, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1, "IPV6_RECVORIGDSTADDR"},
      Option{options.packet_marks, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT"},
      Option{options.packet_marks, IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "IPV6_RECVTCLASS"},
  };
  return set_options(fd, list);
}

// A kernel without UDP_SEGMENT would ignore the ancillary data and send one huge datagram, so
// whether it knows the option must be asked before. It is the same for every socket.
bool kernel_has_gso(int fd) {
  static const bool has = [fd] {
    int value = 0;
    socklen_t size = sizeof(value);
    return ::getsockopt(fd, SOL_UDP, UDP_SEGMENT, &value, &size) == 0;
  }();
  return has;
}

}  // namespace

socklen_t to_sockaddr(const Endpoint& endpoint, SockAddr& out) {
  const ByteView ip = endpoint.ip.wire_bytes();
  if (endpoint.ip.is_v4()) {
    out.v4 = {};
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(endpoint.port);
    std::copy(ip.begin(), ip.end(), reinterpret_cast<uint8_t*>(&out.v4.sin_addr));
    return sizeof(out.v4);
  }
  out.v6 = {};
  out.v6.sin6_family = AF_INET6;
  out.v6.sin6_port = htons(endpoint.port);
  std::copy(ip.begin(), ip.end(), out.v6.sin6_addr.s6_addr);
  return sizeof(out.v6);
}

Endpoint from_sockaddr(const SockAddr& address) {
  if (address.any.sa_family == AF_INET) {
    return {.ip = Ip::v4(ntohl(address.v4.sin_addr.s_addr)), .port = ntohs(address.v4.sin_port)};
  }
  if (address.any.sa_family == AF_INET6) {
    return {.ip = Ip::from_v6(std::span<const uint8_t, 16>(address.v6.sin6_addr.s6_addr)),
            .port = ntohs(address.v6.sin6_port)};
  }
  return {};
}

int UdpSocket::bind(const Endpoint& local) {
  SockAddr address;
  socklen_t size = to_sockaddr(local, address);
  if (::bind(fd(), &address.any, size) != 0) return errno;
  local_ = local;
  if (local.port != 0) return 0;
  if (::getsockname(fd(), &address.any, &size) != 0) return errno;
  local_ = from_sockaddr(address);
  return 0;
}

void UdpSocket::tune_for_sending() {
  lacks_sending_ = false;
  // Refused by no kernel that has made the socket; and it would only mean DF on what we send.
  static_cast<void>(set_sending_options(fd(), family(), wants_icmp_));
  reports_icmp_ = wants_icmp_;
}

void UdpSocket::tune_for_bursts() {
  lacks_bursts_ = false;
  // The kernel has counted from the beginning; this makes it tell.
  set_option(fd(), SOL_SOCKET, SO_RXQ_OVFL, 1);
  gro_ = wants_gro_ && set_option(fd(), SOL_UDP, UDP_GRO, 1);
}

Result<UdpSocket, SysError> make_udp_socket(const UdpOptions& options) {
  const bool is_v4 = options.family == IpFamily::v4;
  Fd fd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return unexpected(last_error("make a UDP socket"));
  return adopt_udp_socket(std::move(fd), options, {.ip = any_address(options.family), .port = 0});
}

Result<UdpSocket, SysError> adopt_udp_socket(Fd given, const UdpOptions& options,
                                             const Endpoint& local) {
  const bool is_v4 = options.family == IpFamily::v4;
  UdpSocket socket;
  socket.fd_ = std::move(given);
  socket.local_ = local;
  const int fd = socket.fd();
  const bool is_bound = local.port != 0;
  const char* refused = is_v4 ? set_v4_options(fd, options) : set_v6_options(fd, options, is_bound);
  socket.wants_icmp_ = options.icmp_errors;
  socket.wants_gro_ = options.gro;
  if (options.many_senders) socket.read_depth_ = ReadDepth(ReadDepth::Kind::always_deep);
  socket.lacks_sending_ = socket.lacks_bursts_ = options.tuned_in_use;
  if (refused == nullptr && !options.tuned_in_use) {
    refused = set_sending_options(fd, socket.family(), options.icmp_errors);
    socket.reports_icmp_ = options.icmp_errors;
  }
  if (refused == nullptr && options.reuse_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
    refused = "SO_REUSEPORT";
  }
  if (refused != nullptr) {
    return unexpected(last_error(std::string("set ") + refused + " on a UDP socket"));
  }
  // What follows is welcome but not needed.
  if (!options.tuned_in_use) socket.tune_for_bursts();
  if (options.busy_poll_us > 0) set_option(fd, SOL_SOCKET, SO_BUSY_POLL, options.busy_poll_us);
  set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer);
  socket.gso_ = options.gso && kernel_has_gso(fd);
  return socket;
}

Result<UdpSocket, SysError> open_udp_socket(UdpOptions options, const Endpoint& local) {
  options.family = local.ip.family();
  Result<UdpSocket, SysError> socket = make_udp_socket(options);
  if (!socket) return socket;
  const int error = socket->bind(local);
  if (error != 0) {
    return unexpected(SysError{.code = error, .what = "bind " + local.to_string()});
  }
  return socket;
}

BufferSizes buffer_sizes(const UdpSocket& socket) {
  // The kernel doubles what it was given, for its own bookkeeping.
  return {.receive = get_option(socket.fd(), SOL_SOCKET, SO_RCVBUF) / 2,
          .send = get_option(socket.fd(), SOL_SOCKET, SO_SNDBUF) / 2};
}

int busy_poll_of(const UdpSocket& socket) {
  return get_option(socket.fd(), SOL_SOCKET, SO_BUSY_POLL);
}

}  // namespace turnpike::net
