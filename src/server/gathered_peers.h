// What a worker has of gather-peers: the sockets through which the datagrams of all its peers come
// in batches, and the ICMP errors about what went to them.
#pragma once

#include <array>
#include <vector>

#include "config/config.h"
#include "net/gathering.h"
#include "net/icmp_receiver.h"
#include "net/socket.h"

namespace turnpike::server {

struct GatheredPeers {
  const net::Gathering* gathering = nullptr;  // nullptr: each relay socket receives for itself.
  std::array<uint32_t, 2> slots{};            // Of the sockets, IPv4 and IPv6.
  std::vector<net::UdpSocket> sockets;
  std::vector<net::IcmpReceiver> errors;
};

// For the worker of that index. A host without IPv6 has no socket for it.
Result<GatheredPeers, net::SysError> gather_peers(const net::Gathering& gathering, uint32_t worker,
                                                  const config::Config& config);

}  // namespace turnpike::server
