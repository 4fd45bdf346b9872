#include "net/tx_control.h"

#include <algorithm>
#include <cstring>

#include <netinet/udp.h>

#include "base/check.h"

namespace turnpike::net {
namespace {

class ControlWriter {
 public:
  explicit ControlWriter(TxControl& control) : control_(control) {}

  template <typename Value>
  void add(int level, int type, const Value& value) {
    constexpr size_t kSpace = CMSG_SPACE(sizeof(Value));
    DCHECK(size_ + kSpace <= control_.bytes.size());
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof(Value));
    std::memcpy(control_.bytes.data() + size_, &header, sizeof(header));
    std::memcpy(control_.bytes.data() + size_ + CMSG_LEN(0), &value, sizeof(value));
    size_ += kSpace;
  }

  [[nodiscard]] size_t size() const { return size_; }

 private:
  TxControl& control_;
  size_t size_ = 0;
};

void add_v4(const TxItem& item, ControlWriter& out) {
  if (!item.source.is_unspecified()) {
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(item.source.v4_bits());
    out.add(IPPROTO_IP, IP_PKTINFO, info);
  }
  if (item.marks.ttl != 0) out.add(IPPROTO_IP, IP_TTL, static_cast<int>(item.marks.ttl));
  if (item.marks.tos != 0) out.add(IPPROTO_IP, IP_TOS, static_cast<int>(item.marks.tos));
}

void add_v6(const TxItem& item, ControlWriter& out) {
  if (!item.source.is_unspecified()) {
    in6_pktinfo info{};
    const auto& bytes = item.source.bytes();
    std::copy(bytes.begin(), bytes.end(), info.ipi6_addr.s6_addr);
    out.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  if (item.marks.ttl != 0) out.add(IPPROTO_IPV6, IPV6_HOPLIMIT, static_cast<int>(item.marks.ttl));
  if (item.marks.tos != 0) out.add(IPPROTO_IPV6, IPV6_TCLASS, static_cast<int>(item.marks.tos));
  if (item.marks.dont_fragment) out.add(IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

}  // namespace

void write_control(const TxItem& item, uint16_t segment_size, TxControl& control, msghdr& message) {
  ControlWriter out(control);
  if (item.destination.ip.is_v4()) {
    add_v4(item, out);
  } else {
    add_v6(item, out);
  }
  if (segment_size != 0) out.add(SOL_UDP, UDP_SEGMENT, segment_size);
  message.msg_control = out.size() == 0 ? nullptr : control.bytes.data();
  message.msg_controllen = out.size();
}

}  // namespace turnpike::net
