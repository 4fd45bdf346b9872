#include "net/raw_udp.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/wire.h"
#include "net/internet_checksum.h"
#include "net/socket.h"

namespace turnpike::net {
namespace {

constexpr size_t kUdpHeader = 8;
constexpr int kChecksumOffset = 6;

// RFC 768, over the pseudo header and the segment whose checksum field is zero.
uint16_t udp_checksum(const Ip& from, const Ip& to, ByteView segment) {
  uint64_t sum = sum_words(from.wire_bytes(), 0);
  sum = sum_words(to.wire_bytes(), sum) + IPPROTO_UDP + segment.size();
  const uint16_t folded = fold_checksum(sum_words(segment, sum));
  return folded == 0 ? uint16_t{0xffff} : folded;
}

// The kernel hands us every UDP datagram of the host: all but those for our port are dropped before
// they cost anything. An IPv4 datagram comes with its IP header, IPv6 without.
bool attach_port_filter(int fd, IpFamily family, uint16_t port) {
  std::vector<sock_filter> code;
  if (family == IpFamily::v4) {
    code = {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2)};
  } else {
    code = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2)};
  }
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffffffff));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  const sock_fprog program{.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

}  // namespace

Result<RawUdp, SysError> RawUdp::open(const Endpoint& local) {
  const IpFamily family = local.ip.family();
  const int domain = family == IpFamily::v4 ? AF_INET : AF_INET6;
  Fd fd(::socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd) return unexpected(last_error("make a raw socket"));
  if (!attach_port_filter(fd.get(), family, local.port)) {
    return unexpected(last_error("filter a raw socket"));
  }
  if (family == IpFamily::v6 && ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_CHECKSUM,
                                             &kChecksumOffset, sizeof(kChecksumOffset)) != 0) {
    return unexpected(last_error("set IPV6_CHECKSUM"));
  }
  SockAddr address{};
  const socklen_t size = to_sockaddr({local.ip, 0}, address);
  if (::bind(fd.get(), &address.any, size) != 0) {
    return unexpected(last_error("bind a raw socket to " + local.ip.to_string()));
  }
  return RawUdp(std::move(fd), local);
}

int RawUdp::send_to(const Endpoint& to, ByteView payload) const {
  std::vector<uint8_t> segment(kUdpHeader + payload.size());
  WireWriter writer(segment);
  writer.u16(local_.port);
  writer.u16(to.port);
  writer.u16(static_cast<uint16_t>(segment.size()));
  writer.u16(0);
  writer.bytes(payload);
  if (to.ip.is_v4()) {  // The kernel fills it in for IPv6.
    const uint16_t sum = udp_checksum(local_.ip, to.ip, segment);
    segment[kChecksumOffset] = static_cast<uint8_t>(sum >> 8);
    segment[kChecksumOffset + 1] = static_cast<uint8_t>(sum);
  }
  SockAddr address{};
  const socklen_t size = to_sockaddr({to.ip, 0}, address);
  const ssize_t sent = ::sendto(fd_.get(), segment.data(), segment.size(), 0, &address.any, size);
  return sent < 0 ? errno : 0;
}

RawUdp::Received RawUdp::receive(ByteSpan buffer) const {
  SockAddr address{};
  socklen_t size = sizeof(address);
  const ssize_t got = ::recvfrom(fd(), buffer.data(), buffer.size(), 0, &address.any, &size);
  if (got < 0) return {.error = errno};
  const ByteView bytes = buffer.first(static_cast<size_t>(got));
  const auto segment = parse_udp_segment(bytes, local_.ip.family());
  if (!segment || segment->destination_port != local_.port) return {};
  return {.for_us = true,
          .from = {from_sockaddr(address).ip, segment->source_port},
          .payload = segment->payload};
}

std::optional<UdpSegment> parse_udp_segment(ByteView bytes, IpFamily family) {
  if (family == IpFamily::v4) {
    const size_t header = bytes.empty() ? 0 : size_t{4} * (bytes[0] & 0x0f);
    if (header < 20 || header > bytes.size()) return {};
    bytes = bytes.subspan(header);
  }
  WireReader reader(bytes);
  UdpSegment segment{};
  segment.source_port = reader.u16();
  segment.destination_port = reader.u16();
  const size_t length = reader.u16();
  reader.skip(2);
  if (!reader.ok() || length < kUdpHeader || length > bytes.size()) return {};
  segment.payload = bytes.subspan(kUdpHeader, length - kUdpHeader);
  return segment;
}

}  // namespace turnpike::net
