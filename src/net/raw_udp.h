// Speaking from a UDP port that another program has bound, without taking a datagram from it.
//
// A raw socket sends datagrams with any source port and is given a copy of each that comes in; the
// kernel delivers that program's own as if we were not there. It sees our answers too, as datagrams
// of a protocol that it may not know. Needs CAP_NET_RAW.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

class RawUdp {
 public:
  // From `local`, a whole address: an unspecified one can't be written into a header.
  static Result<RawUdp, SysError> open(const Endpoint& local);

  [[nodiscard]] int fd() const { return fd_.get(); }
  // 0 or an errno.
  [[nodiscard]] int send_to(const Endpoint& to, ByteView payload) const;

  struct Received {
    int error = 0;        // EAGAIN: nothing is there.
    bool for_us = false;  // False: it went to another port; the rest is not set.
    Endpoint from = {};
    ByteView payload = {};  // In the caller's buffer.
  };
  Received receive(ByteSpan buffer) const;

 private:
  RawUdp(Fd fd, const Endpoint& local) : fd_(std::move(fd)), local_(local) {}
  Fd fd_;
  Endpoint local_;
};

// What to make of a datagram with its UDP header, IP header in front of it where `ip` is IPv4.
struct UdpSegment {
  uint16_t source_port;
  uint16_t destination_port;
  ByteView payload;
};
std::optional<UdpSegment> parse_udp_segment(ByteView bytes, IpFamily family);

}  // namespace turnpike::net
