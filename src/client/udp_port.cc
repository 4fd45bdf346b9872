#include <cerrno>
#include <vector>

#include "client/probe_port.h"
#include "net/icmp_errors.h"
#include "net/plain_udp.h"

namespace turnpike::client {
namespace {

// Bounded, so that a flood to the port can't keep the loop.
constexpr int kMaxDatagrams = 64;

bool is_unreachable(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES || error == EPERM ||
         error == EINVAL || error == EAFNOSUPPORT || error == ENETDOWN;
}

// ICMP destination unreachable, port unreachable (RFC 792, RFC 4443).
bool is_port_unreachable(const net::IcmpError& error) {
  return error.destination.ip.is_v4() ? error.type == 3 && error.code == 3
                                      : error.type == 1 && error.code == 4;
}

class UdpPort final : public ProbePort {
 public:
  UdpPort(net::EventLoop& loop, net::UdpSocket socket, ProbePortEvents events)
      : loop_(loop), socket_(std::move(socket)), events_(std::move(events)), buffer_(65536) {
    watch_ = loop_.watch(socket_.fd(), [this] { on_readable(); });
  }

  void send(const Endpoint& to, ByteView packet) override {
    // An ICMP error that waits is told by the next call, which then has sent nothing.
    int error = net::send_to(socket_, to, packet);
    if (error == ECONNREFUSED || error == EHOSTUNREACH) error = net::send_to(socket_, to, packet);
    if (!is_unreachable(error)) return;
    failures_.push_back(loop_.after(
        Duration::zero(), [this, to] { events_.on_failure(to, SendFailure::unreachable); }));
  }

  [[nodiscard]] Endpoint local_towards(const Endpoint& to) const override {
    const Endpoint bound = net::bound_endpoint(socket_);
    if (!bound.ip.is_unspecified() && bound.ip != any_address(IpFamily::v4)) return bound;
    return {net::source_address_to(to).value_or(bound.ip), bound.port};
  }

 private:
  void on_readable() {
    std::vector<net::IcmpError> errors;
    net::take_icmp_errors(socket_, errors);
    for (const net::IcmpError& error : errors) {
      if (is_port_unreachable(error)) events_.on_failure(error.destination, SendFailure::refused);
    }
    for (int i = 0; i < kMaxDatagrams; ++i) {
      const net::Received received = net::receive_one(socket_, buffer_);
      if (received.error == EAGAIN) return;
      if (received.error == 0) events_.on_packet(received.from, received.bytes);
    }
  }

  net::EventLoop& loop_;
  net::UdpSocket socket_;
  ProbePortEvents events_;
  std::vector<uint8_t> buffer_;
  net::Watch watch_;
  std::vector<net::Watch> failures_;
};

}  // namespace

Result<std::unique_ptr<ProbePort>, net::SysError> open_udp_port(net::EventLoop& loop,
                                                                const Endpoint& local,
                                                                ProbePortEvents events) {
  auto socket = net::open_udp_socket({.icmp_errors = true}, local);
  if (!socket) return unexpected(socket.error());
  return std::make_unique<UdpPort>(loop, std::move(*socket), std::move(events));
}

}  // namespace turnpike::client
