// ICMP errors that datagrams of ours met on the way, read from a socket's error queue.
#pragma once

#include <cstdint>
#include <vector>

#include "net/socket.h"

namespace turnpike::net {

struct IcmpError {
  uint64_t socket_tag = 0;  // UdpSocket::tag of the socket that had sent the datagram.
  Endpoint destination;     // Where the datagram was going: the peer.
  uint8_t type = 0;         // ICMP or ICMPv6 by the family of the destination.
  uint8_t code = 0;
  uint32_t data = 0;  // The next hop's MTU for "fragmentation needed" and "packet too big".

  friend bool operator==(const IcmpError&, const IcmpError&) = default;
};

// Empties the error queue (up to a bound that only a flood of ICMP can reach) and appends what it
// held. A datagram with DF that our own interface could not take is reported as the ICMP error that
// a router would have sent. Answers the number appended.
size_t take_icmp_errors(const UdpSocket& socket, std::vector<IcmpError>& out);

}  // namespace turnpike::net
