#include "net/icmp_receiver.h"

#include <array>
#include <cerrno>

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "base/wire.h"
#include "net/internet_checksum.h"

namespace turnpike::net {
namespace {

// linux/icmp.h has these, and does not go together with netinet/ip_icmp.h.
constexpr int kIcmpFilter = 1;
using IcmpFilter = uint32_t;  // A bit for each type that is not wanted.

// A flood of them must not hold whoever reads.
constexpr int kMostAtOnce = 64;
// Routers quote 576 bytes (RFC 1812 section 4.3.2.3) or, for IPv6, 1280 at most.
constexpr size_t kEnough = 2048;
constexpr size_t kIpv4Header = 20;

bool is_relevant(IpFamily family, uint8_t type) {
  if (family == IpFamily::v4) return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED;
  return type == ICMP6_DST_UNREACH || type == ICMP6_PACKET_TOO_BIG || type == ICMP6_TIME_EXCEEDED;
}

struct Ipv4Header {
  int protocol = -1;  // Negative: there is no whole header, or it is that of a later fragment.
  Ip source;
  Ip destination;
};
Ipv4Header read_v4_header(WireReader& in) {
  const size_t first = in.u8();
  const size_t length = (first & 0xf) * 4;
  in.skip(5);
  const uint16_t fragment = in.u16();
  in.skip(1);
  const uint8_t protocol = in.u8();
  in.skip(2);
  const Ip source = Ip::v4(in.u32());
  const Ip destination = Ip::v4(in.u32());
  const bool whole = first >> 4 == 4 && length >= kIpv4Header && (fragment & 0x1fff) == 0;
  if (!in.ok() || !whole) return {};
  in.skip(length - kIpv4Header);
  return {.protocol = protocol, .source = source, .destination = destination};
}

Ip read_v6_address(WireReader& in) {
  const ByteView bytes = in.bytes(16);
  return bytes.empty() ? Ip() : Ip::from_v6(bytes.first<16>());
}

bool set_filter(int fd, IpFamily family) {
  if (family == IpFamily::v4) {
    constexpr IcmpFilter kFilter = ~(1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED);
    return ::setsockopt(fd, SOL_RAW, kIcmpFilter, &kFilter, sizeof(kFilter)) == 0;
  }
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter);
  ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
  ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &filter);
  return ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) == 0;
}

}  // namespace

std::optional<QuotedError> parse_icmp_error(ByteView bytes, IpFamily family) {
  WireReader in(bytes);
  const bool is_v4 = family == IpFamily::v4;
  Ipv4Header outer;
  if (is_v4) {
    outer = read_v4_header(in);
    // The kernel gives raw sockets what it throws away itself, too.
    const ByteView message = bytes.last(in.remaining());
    if (outer.protocol != IPPROTO_ICMP || internet_checksum(message) != 0) return {};
  }
  QuotedError error;
  error.type = in.u8();
  error.code = in.u8();
  in.skip(2);
  const uint32_t rest = in.u32();
  if (!in.ok() || !is_relevant(family, error.type)) return {};
  int protocol = 0;
  if (is_v4) {
    if (error.type == ICMP_DEST_UNREACH && error.code == ICMP_FRAG_NEEDED) {
      error.data = rest & 0xffff;
    }
    const Ipv4Header quoted = read_v4_header(in);
    // Not to everybody: to whom the datagram was from.
    if (quoted.source != outer.destination) return {};
    protocol = quoted.protocol;
    error.source.ip = quoted.source;
    error.destination.ip = quoted.destination;
  } else {
    if (error.type == ICMP6_PACKET_TOO_BIG) error.data = rest;
    const bool is_v6 = in.u8() >> 4 == 6;
    in.skip(5);
    protocol = in.u8();
    in.skip(1);
    error.source.ip = read_v6_address(in);
    error.destination.ip = read_v6_address(in);
    // A v4-mapped address would be that of an IPv4 relay, of which ICMPv6 has nothing to tell.
    if (!is_v6 || error.source.ip.is_v4() || error.destination.ip.is_v4()) return {};
    if (protocol == IPPROTO_FRAGMENT) {
      protocol = in.u8();
      in.skip(1);
      if (in.u16() >> 3 != 0) return {};  // Only the first fragment has ports.
      in.skip(4);
    }
  }
  error.source.port = in.u16();
  error.destination.port = in.u16();
  if (!in.ok() || protocol != IPPROTO_UDP) return {};
  return error;
}

Result<IcmpReceiver, SysError> IcmpReceiver::open(IpFamily family) {
  const bool is_v4 = family == IpFamily::v4;
  Fd fd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 is_v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6)));
  if (!fd) return unexpected(last_error("make a raw socket for ICMP"));
  if (!set_filter(fd.get(), family)) return unexpected(last_error("filter a raw socket for ICMP"));
  return IcmpReceiver(std::move(fd), family);
}

std::optional<QuotedError> IcmpReceiver::receive() const {
  std::array<uint8_t, kEnough> buffer;
  for (int i = 0; i < kMostAtOnce; ++i) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {};
    const auto error = parse_icmp_error(ByteView(buffer).first(static_cast<size_t>(got)), family_);
    if (error) return error;
  }
  return {};
}

}  // namespace turnpike::net
