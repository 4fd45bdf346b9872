#include "server/gathered_peers.h"

#include <cerrno>

namespace turnpike::server {
namespace {

// Nobody sends to that port: the program chooses the socket whatever it is bound to, but it must be
// bound.
Endpoint anywhere_of(IpFamily family) {
  return {.ip = *Ip::parse(family == IpFamily::v4 ? "127.0.0.1" : "::1"), .port = 0};
}

net::UdpOptions socket_options(const config::Config& config) {
  net::UdpOptions options;
  options.destination = true;
  options.gro = true;
  options.many_senders = true;
  // As many clients' peers share it as clients share a listener.
  options.receive_buffer = static_cast<int>(config.sock_buf_size_bytes);
  return options;
}

}  // namespace

Result<GatheredPeers, net::SysError> gather_peers(const net::Gathering& gathering, uint32_t worker,
                                                  const config::Config& config) {
  GatheredPeers made;
  made.gathering = &gathering;
  made.slots = {2 * worker, 2 * worker + 1};
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    auto socket = net::open_udp_socket(socket_options(config), anywhere_of(family));
    if (!socket) {
      const int code = socket.error().code;
      const bool no_v6 = code == EAFNOSUPPORT || code == EADDRNOTAVAIL;
      if (family == IpFamily::v6 && no_v6) continue;
      return unexpected(socket.error());
    }
    const uint32_t slot = made.slots[family == IpFamily::v4 ? 0 : 1];
    if (const int error = gathering.put_socket(slot, socket->fd()); error != 0) {
      return unexpected(net::SysError{.code = error, .what = "put a socket into the BPF map"});
    }
    auto errors = net::IcmpReceiver::open(family);
    if (!errors) return unexpected(errors.error());
    made.sockets.push_back(std::move(*socket));
    made.errors.push_back(std::move(*errors));
  }
  return made;
}

}  // namespace turnpike::server
