#include "net/interfaces.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/bytes.h"
#include "net/socket.h"

namespace turnpike::net {
namespace {

constexpr size_t kNetlinkBuffer = 32768;

Result<Fd, SysError> open_netlink(uint32_t groups) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return unexpected(last_error("make a netlink socket"));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return unexpected(last_error("bind a netlink socket"));
  }
  return fd;
}

std::optional<Ip> ip_of(int family, const rtattr& attribute) {
  const auto* data = static_cast<const uint8_t*>(RTA_DATA(&attribute));
  const size_t size = RTA_PAYLOAD(&attribute);
  if (family == AF_INET && size == 4) return Ip::from_v4(std::span<const uint8_t, 4>(data, 4));
  if (family == AF_INET6 && size == 16) return Ip::from_v6(std::span<const uint8_t, 16>(data, 16));
  return {};
}

std::optional<LocalAddress> parse_address(const nlmsghdr& message) {
  ifaddrmsg header{};
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(header))) return {};
  const uint8_t* start = reinterpret_cast<const uint8_t*>(&message) + NLMSG_LENGTH(0);
  std::memcpy(&header, start, sizeof(header));
  uint32_t flags = header.ifa_flags;  // The old eight bits; IFA_FLAGS has all of them.
  std::optional<Ip> local;
  std::optional<Ip> address;
  auto left = static_cast<unsigned>(IFA_PAYLOAD(&message));
  const auto* attribute = reinterpret_cast<const rtattr*>(start + NLMSG_ALIGN(sizeof(ifaddrmsg)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type == IFA_LOCAL) local = ip_of(header.ifa_family, *attribute);
    if (attribute->rta_type == IFA_ADDRESS) address = ip_of(header.ifa_family, *attribute);
    if (attribute->rta_type == IFA_FLAGS && RTA_PAYLOAD(attribute) == sizeof(flags)) {
      std::memcpy(&flags, RTA_DATA(attribute), sizeof(flags));
    }
  }
  // On a point-to-point link IFA_ADDRESS is the other end.
  const std::optional<Ip> ip = local ? local : address;
  if (!ip) return {};
  return LocalAddress{.ip = *ip,
                      .prefix_length = header.ifa_prefixlen,
                      .interface = header.ifa_index,
                      // For IPv4 the same bit means "secondary", which is no fault.
                      .temporary = !ip->is_v4() && (flags & IFA_F_TEMPORARY) != 0,
                      .deprecated = (flags & IFA_F_DEPRECATED) != 0,
                      .tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0};
}

std::optional<IpRange> parse_local_route(const nlmsghdr& message) {
  rtmsg header{};
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(header))) return {};
  const uint8_t* start = reinterpret_cast<const uint8_t*>(&message) + NLMSG_LENGTH(0);
  std::memcpy(&header, start, sizeof(header));
  // A kernel that does not know how to choose tells all routes.
  const bool delivers_here = header.rtm_type == RTN_LOCAL || header.rtm_type == RTN_ANYCAST;
  const bool is_ip = header.rtm_family == AF_INET || header.rtm_family == AF_INET6;
  if (header.rtm_table != RT_TABLE_LOCAL || !delivers_here || !is_ip) return {};
  std::optional<Ip> destination;
  auto left = static_cast<unsigned>(RTM_PAYLOAD(&message));
  const auto* attribute = reinterpret_cast<const rtattr*>(start + NLMSG_ALIGN(sizeof(rtmsg)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type == RTA_DST) destination = ip_of(header.rtm_family, *attribute);
  }
  // A route to everything has no destination.
  if (!destination) {
    destination = any_address(header.rtm_family == AF_INET ? IpFamily::v4 : IpFamily::v6);
  }
  return IpRange::of_prefix(*destination, header.rtm_dst_len);
}

enum class DumpState : uint8_t { more, done, failed };

template <typename Take>
DumpState parse_dump(ByteView bytes, uint16_t wanted, const Take& take) {
  auto left = static_cast<unsigned>(bytes.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
  for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type == NLMSG_DONE) {
      // One that was broken off ends with the reason.
      int error = 0;
      if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(error))) {
        std::memcpy(&error, NLMSG_DATA(message), sizeof(error));
      }
      return error < 0 ? DumpState::failed : DumpState::done;
    }
    if (message->nlmsg_type == NLMSG_ERROR) return DumpState::failed;
    if (message->nlmsg_type == wanted) take(*message);
  }
  return DumpState::more;
}

// Asks for everything of one kind; `take` gets each message of type `wanted`.
template <typename Body, typename Take>
Result<void, SysError> dump(uint16_t question, const Body& body, uint16_t wanted,
                            const Take& take) {
  const Result<Fd, SysError> fd = open_netlink(0);
  if (!fd) return unexpected(fd.error());
  // The kernel then looks at what the body chooses. Older ones tell more, which does no harm.
  const int strict = 1;
  ::setsockopt(fd->get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict));
  struct {
    nlmsghdr header;
    Body body;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = question;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body = body;
  if (::send(fd->get(), &request, sizeof(request), 0) < 0) {
    return unexpected(last_error("ask for the host's addresses"));
  }
  alignas(nlmsghdr) std::array<uint8_t, kNetlinkBuffer> buffer;
  for (;;) {
    // The kernel answers a dump while it is asked, so this does not wait.
    const ssize_t got = ::recv(fd->get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unexpected(last_error("read the host's addresses"));
    const DumpState state =
        parse_dump(ByteView(buffer).first(static_cast<size_t>(got)), wanted, take);
    if (state == DumpState::done) return {};
    if (state == DumpState::failed) {
      return unexpected(SysError{.code = EPROTO, .what = "read the host's addresses"});
    }
  }
}

// The source address by the kernel's own choice: connecting a UDP socket sends nothing.
std::optional<Ip> chosen_source(IpFamily family) {
  // Any address of the public Internet would do; these are root name servers'.
  const Ip target = family == IpFamily::v4 ? Ip::v4(0xc6290004) : *Ip::parse("2001:503:ba3e::2:30");
  const bool is_v4 = family == IpFamily::v4;
  const Fd fd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return {};
  SockAddr address;
  socklen_t size = to_sockaddr({.ip = target, .port = 53}, address);
  if (::connect(fd.get(), &address.any, size) != 0) return {};
  size = sizeof(address);
  if (::getsockname(fd.get(), &address.any, &size) != 0) return {};
  return from_sockaddr(address).ip;
}

}  // namespace

bool LocalAddress::lasting() const {
  return !temporary && !deprecated && !tentative && !ip.is_link_local() && !ip.is_unspecified();
}

Result<std::vector<LocalAddress>, SysError> local_addresses() {
  // Not getifaddrs(): it does not tell temporary from lasting addresses.
  std::vector<LocalAddress> addresses;
  const auto done = dump(RTM_GETADDR, ifaddrmsg{}, RTM_NEWADDR, [&](const nlmsghdr& message) {
    if (const auto address = parse_address(message)) addresses.push_back(*address);
  });
  if (!done) return unexpected(done.error());
  return addresses;
}

Result<std::vector<IpRange>, SysError> local_ranges() {
  std::vector<IpRange> ranges;
  rtmsg choice{};
  choice.rtm_table = RT_TABLE_LOCAL;
  const auto done = dump(RTM_GETROUTE, choice, RTM_NEWROUTE, [&](const nlmsghdr& message) {
    if (const auto range = parse_local_route(message)) ranges.push_back(*range);
  });
  if (!done) return unexpected(done.error());
  return ranges;
}

std::optional<Ip> default_source(IpFamily family, const std::vector<LocalAddress>& addresses) {
  const std::optional<Ip> chosen = chosen_source(family);
  if (!chosen || chosen->is_loopback()) return {};
  const auto same = [&](const LocalAddress& a) { return a.ip == *chosen; };
  const auto found = std::find_if(addresses.begin(), addresses.end(), same);
  if (found == addresses.end()) return {};
  if (found->lasting()) return chosen;
  // Privacy extensions make the kernel prefer an address that will not last.
  for (const LocalAddress& other : addresses) {
    if (other.interface == found->interface && other.ip.family() == family && other.lasting()) {
      return other.ip;
    }
  }
  return {};
}

Result<HostAddresses, SysError> HostAddresses::read() {
  Result<std::vector<LocalAddress>, SysError> addresses = local_addresses();
  if (!addresses) return unexpected(addresses.error());
  Result<std::vector<IpRange>, SysError> ranges = local_ranges();
  if (!ranges) return unexpected(ranges.error());
  HostAddresses host;
  host.ranges = std::move(*ranges);
  host.default_v4 = default_source(IpFamily::v4, *addresses);
  host.default_v6 = default_source(IpFamily::v6, *addresses);
  host.addresses = std::move(*addresses);
  return host;
}

const LocalAddress* HostAddresses::find(const Ip& ip) const {
  for (const LocalAddress& address : addresses) {
    if (address.ip == ip) return &address;
  }
  return nullptr;
}

Result<AddressChanges, SysError> AddressChanges::open() {
  Result<Fd, SysError> fd =
      open_netlink(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE);
  if (!fd) return unexpected(fd.error());
  return AddressChanges(std::move(*fd));
}

bool AddressChanges::take() {
  bool changed = false;
  alignas(nlmsghdr) std::array<uint8_t, kNetlinkBuffer> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0 || (got < 0 && errno == ENOBUFS)) {
      changed = true;
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    return changed;
  }
}

}  // namespace turnpike::net
