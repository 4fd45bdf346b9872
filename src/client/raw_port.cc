#include <cerrno>
#include <vector>

#include "client/probe_port.h"
#include "net/raw_udp.h"

namespace turnpike::client {
namespace {

constexpr int kMaxCopies = 256;

class RawPort final : public ProbePort {
 public:
  RawPort(net::EventLoop& loop, net::RawUdp socket, const Endpoint& local, ProbePortEvents events)
      : loop_(loop),
        socket_(std::move(socket)),
        local_(local),
        events_(std::move(events)),
        buffer_(65536) {
    watch_ = loop_.watch(socket_.fd(), [this] { on_readable(); });
  }

  void send(const Endpoint& to, ByteView packet) override {
    if (socket_.send_to(to, packet) == 0) return;
    failures_.push_back(loop_.after(
        Duration::zero(), [this, to] { events_.on_failure(to, SendFailure::unreachable); }));
  }

  [[nodiscard]] Endpoint local_towards(const Endpoint&) const override { return local_; }

 private:
  void on_readable() {
    for (int i = 0; i < kMaxCopies; ++i) {
      const net::RawUdp::Received received = socket_.receive(buffer_);
      if (received.error != 0) return;
      if (received.for_us) events_.on_packet(received.from, received.payload);
    }
  }

  net::EventLoop& loop_;
  net::RawUdp socket_;
  Endpoint local_;
  ProbePortEvents events_;
  std::vector<uint8_t> buffer_;
  net::Watch watch_;
  std::vector<net::Watch> failures_;
};

}  // namespace

Result<std::unique_ptr<ProbePort>, net::SysError> open_raw_port(net::EventLoop& loop,
                                                                const Endpoint& local,
                                                                ProbePortEvents events) {
  auto socket = net::RawUdp::open(local);
  if (!socket) return unexpected(socket.error());
  return std::make_unique<RawPort>(loop, std::move(*socket), local, std::move(events));
}

}  // namespace turnpike::client
