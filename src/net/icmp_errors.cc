#include "net/icmp_errors.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

namespace turnpike::net {
namespace {

constexpr size_t kMaxTakenAtOnce = 256;

std::optional<sock_extended_err> find_error(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(c), sizeof(error));
    return error;
  }
  return {};
}

std::optional<IcmpError> translate(const sock_extended_err& error, const Endpoint& destination) {
  IcmpError icmp{.socket_tag = 0, .destination = destination};
  if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6) {
    icmp.type = error.ee_type;
    icmp.code = error.ee_code;
  } else if (error.ee_origin == SO_EE_ORIGIN_LOCAL && error.ee_errno == EMSGSIZE) {
    icmp.type = destination.ip.is_v4() ? ICMP_DEST_UNREACH : ICMP6_PACKET_TOO_BIG;
    icmp.code = destination.ip.is_v4() ? ICMP_FRAG_NEEDED : 0;
  } else {
    return {};
  }
  if (error.ee_errno == EMSGSIZE) icmp.data = error.ee_info;
  return icmp;
}

}  // namespace

size_t take_icmp_errors(const UdpSocket& socket, std::vector<IcmpError>& out) {
  size_t appended = 0;
  for (size_t taken = 0; taken < kMaxTakenAtOnce; ++taken) {
    SockAddr destination{};
    alignas(cmsghdr) std::array<uint8_t, 256> control{};
    // The start of our own datagram comes along; it is of no use and may be cut.
    msghdr message{};
    message.msg_name = &destination;
    message.msg_namelen = sizeof(destination);
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(socket.fd(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    const std::optional<sock_extended_err> error = find_error(message);
    if (!error) continue;
    std::optional<IcmpError> icmp = translate(*error, from_sockaddr(destination));
    if (!icmp) continue;
    icmp->socket_tag = socket.tag;
    out.push_back(*icmp);
    ++appended;
  }
  return appended;
}

}  // namespace turnpike::net
