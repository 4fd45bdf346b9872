#include "net/udp_receiver.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <netinet/udp.h>

namespace turnpike::net {
namespace {

constexpr size_t kReceivesPerCall = ReadDepth::kDeep;

struct alignas(cmsghdr) RxControl {
  std::array<uint8_t, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(sockaddr_in6)) +
                          4 * CMSG_SPACE(sizeof(int))>
      bytes;
};

template <typename Value>
Value read_value(const cmsghdr* c) {
  Value value{};
  std::memcpy(&value, CMSG_DATA(c), std::min(sizeof(value), c->cmsg_len - CMSG_LEN(0)));
  return value;
}

}  // namespace

struct UdpReceiver::Arrays {
  std::array<mmsghdr, kReceivesPerCall> messages{};
  std::array<iovec, kReceivesPerCall> slots{};
  std::array<SockAddr, kReceivesPerCall> sources{};
  std::array<RxControl, kReceivesPerCall> controls{};
};

struct UdpReceiver::Ancillary {
  Endpoint local;
  size_t segment_size = 0;
  uint32_t kernel_drops = 0;
  uint8_t ttl = 0;
  uint8_t tos = 0;
};

UdpReceiver::UdpReceiver(IoCounters& counters, std::vector<IcmpError>& errors)
    : counters_(counters), errors_(errors), arrays_(std::make_unique<Arrays>()) {
  for (size_t i = 0; i < kReceivesPerCall; ++i) {
    msghdr& header = arrays_->messages[i].msg_hdr;
    header.msg_name = &arrays_->sources[i];
    header.msg_iov = &arrays_->slots[i];
    header.msg_iovlen = 1;
    header.msg_control = arrays_->controls[i].bytes.data();
  }
}

UdpReceiver::~UdpReceiver() = default;

std::span<const RxDatagram> UdpReceiver::receive(UdpSocket& socket, RxSlab& slab) {
  received_.clear();
  const size_t slot_size = socket.wants_gro_ ? RxSlab::kLargeSlot : slab.small_slot();
  const size_t depth = socket.read_depth_.want();
  size_t total = 0;
  while (total < DatagramIo::kMaxMessages) {
    const size_t want =
        std::min({depth, DatagramIo::kMaxMessages - total, slab.slots_left(slot_size)});
    if (want == 0) {
      counters_.rx_no_room.add();
      return received_;
    }
    const size_t got = receive_some(socket, slab, slot_size, want);
    for (size_t i = 0; i < got; ++i) cut_message(socket, i);
    if (got > 0) slab.keep(slot_size, got, arrays_->messages[got - 1].msg_len);
    total += got;
    // A socket that is read for one message shows itself again in the next turn if there are more.
    if (got < want || depth == 1) break;
  }
  socket.read_depth_.found(total);
  if (total > 1 && socket.lacks_bursts_) socket.tune_for_bursts();
  return received_;
}

size_t UdpReceiver::receive_some(UdpSocket& socket, RxSlab& slab, size_t slot_size, size_t want) {
  for (size_t i = 0; i < want; ++i) {
    const ByteSpan slot = slab.slot(slot_size, i);
    arrays_->slots[i] = {.iov_base = slot.data(), .iov_len = slot.size()};
    msghdr& header = arrays_->messages[i].msg_hdr;
    header.msg_namelen = sizeof(SockAddr);
    header.msg_controllen = sizeof(RxControl);
  }
  bool drained = false;
  for (;;) {
    const int got = ::recvmmsg(socket.fd(), arrays_->messages.data(), static_cast<unsigned>(want),
                               MSG_DONTWAIT, nullptr);
    counters_.rx_calls.add();
    if (got >= 0) return static_cast<size_t>(got);
    const int error = errno;
    if (error == EINTR) continue;
    // An ICMP error makes one read fail, and while it lies in its queue the socket counts as ready:
    // unless it is taken out here the loop would spin.
    const bool blocked = error == EAGAIN || error == EWOULDBLOCK;
    if (socket.reports_icmp() && !drained) {
      collect_errors(socket);
      drained = true;
      if (!blocked) continue;
    }
    if (!blocked) counters_.rx_errors.add();
    return 0;
  }
}

void UdpReceiver::collect_errors(const UdpSocket& socket) {
  counters_.icmp_errors.add(take_icmp_errors(socket, errors_));
}

UdpReceiver::Ancillary UdpReceiver::parse_ancillary(UdpSocket& socket, size_t index) const {
  Ancillary out{.local = socket.local()};
  msghdr& header = arrays_->messages[index].msg_hdr;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP) {
      if (c->cmsg_type == IP_PKTINFO) {
        // Not ipi_addr, which for a broadcast is an address that can't answer.
        out.local.ip = Ip::v4(ntohl(read_value<in_pktinfo>(c).ipi_spec_dst.s_addr));
      }
      if (c->cmsg_type == IP_ORIGDSTADDR) {
        out.local = from_sockaddr({.v4 = read_value<sockaddr_in>(c)});
      }
      if (c->cmsg_type == IP_TTL) out.ttl = static_cast<uint8_t>(read_value<int>(c));
      if (c->cmsg_type == IP_TOS) out.tos = read_value<uint8_t>(c);
    } else if (c->cmsg_level == IPPROTO_IPV6) {
      if (c->cmsg_type == IPV6_PKTINFO) {
        const auto info = read_value<in6_pktinfo>(c);
        out.local.ip = Ip::from_v6(std::span<const uint8_t, 16>(info.ipi6_addr.s6_addr));
      }
      if (c->cmsg_type == IPV6_ORIGDSTADDR) {
        out.local = from_sockaddr({.v6 = read_value<sockaddr_in6>(c)});
      }
      if (c->cmsg_type == IPV6_HOPLIMIT) out.ttl = static_cast<uint8_t>(read_value<int>(c));
      if (c->cmsg_type == IPV6_TCLASS) out.tos = static_cast<uint8_t>(read_value<int>(c));
    } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      out.segment_size = static_cast<size_t>(read_value<int>(c));
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      out.kernel_drops = read_value<uint32_t>(c);
    }
  }
  return out;
}

void UdpReceiver::cut_message(UdpSocket& socket, size_t index) {
  const mmsghdr& message = arrays_->messages[index];
  const Ancillary ancillary = parse_ancillary(socket, index);
  note_kernel_drops(socket, ancillary.kernel_drops);
  if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
    counters_.rx_drop_truncated.add();
    return;
  }
  const ByteView bytes(static_cast<const uint8_t*>(arrays_->slots[index].iov_base),
                       message.msg_len);
  RxDatagram datagram{.bytes = bytes,
                      .source = from_sockaddr(arrays_->sources[index]),
                      .local = ancillary.local,
                      .ttl = ancillary.ttl,
                      .tos = ancillary.tos};
  const size_t segment = ancillary.segment_size == 0 ? bytes.size() : ancillary.segment_size;
  size_t at = 0;
  size_t run_length = 0;
  // An empty datagram is a datagram, hence at least one round.
  do {
    datagram.bytes = bytes.subspan(at, std::min(segment, bytes.size() - at));
    received_.push_back(datagram);
    at += segment;
    ++run_length;
  } while (at < bytes.size());
  counters_.rx_datagrams.add(run_length);
  counters_.rx_bytes.add(bytes.size());
  counters_.rx_runs.add(run_length);
}

void UdpReceiver::note_kernel_drops(UdpSocket& socket, uint32_t total) {
  // The kernel sends the count along only once it is not zero, and it counts modulo 2^32.
  if (total == 0 || total == socket.receive_drops_) return;
  counters_.rx_drop_queue_full.add(total - socket.receive_drops_);
  socket.receive_drops_ = total;
}

}  // namespace turnpike::net
