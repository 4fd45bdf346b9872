// ICMP errors about datagrams of any port of this host, for those whose own sockets are not told.
//
// The kernel gives an error to the socket that would receive an answer, and where gathering.h
// decides which that is, its error queue does not say from which port the datagram had gone out.
// Here the datagram's head is read as the router quoted it. Whoever has one hears of the errors of
// the whole host. Needs CAP_NET_RAW when it is opened.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

// What came back, and from whose datagram.
struct QuotedError {
  Endpoint source;       // Of that datagram: the port of ours.
  Endpoint destination;  // The peer.
  uint8_t type = 0;      // ICMP or ICMPv6 by the family of the destination.
  uint8_t code = 0;
  uint32_t data = 0;  // The next hop's MTU for "fragmentation needed" and "packet too big".

  friend bool operator==(const QuotedError&, const QuotedError&) = default;
};

// Of an IPv4 packet with its header, or of an ICMPv6 message without. Nothing: it is not an error
// that RFC 8656 section 11.5 passes on, or not about UDP, or too short to tell.
std::optional<QuotedError> parse_icmp_error(ByteView bytes, IpFamily family);

class IcmpReceiver {
 public:
  static Result<IcmpReceiver, SysError> open(IpFamily family);

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Nothing: no error waits any more.
  std::optional<QuotedError> receive() const;

 private:
  IcmpReceiver(Fd fd, IpFamily family) : fd_(std::move(fd)), family_(family) {}

  Fd fd_;
  IpFamily family_;
};

}  // namespace turnpike::net
