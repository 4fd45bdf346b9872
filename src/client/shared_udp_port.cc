#include <cerrno>
#include <memory>
#include <vector>

#include "client/probe_port.h"
#include "net/plain_udp.h"

namespace turnpike::client {
namespace {

// A socket for each destination, connected at once: a connected one is given nothing but what comes
// from there, and the rest goes on to the application.
class SharedUdpPort final : public ProbePort {
 public:
  SharedUdpPort(net::EventLoop& loop, const Endpoint& local, ProbePortEvents events)
      : loop_(loop), local_(local), events_(std::move(events)), buffer_(65536) {}

  // 0 or an errno.
  int open(const Endpoint& to) {
    auto line = std::make_unique<Line>();
    auto socket = net::make_udp_socket({.family = to.ip.family(), .reuse_port = true});
    if (!socket) return socket.error().code;
    // Nothing may stand between these two.
    if (const int error = socket->bind(local_); error != 0) return error;
    if (const int error = net::connect_udp(*socket, to); error != 0) return error;
    line->to = to;
    line->socket = std::move(*socket);
    Line* raw = line.get();
    line->watch = loop_.watch(line->socket.fd(), [this, raw] { on_readable(*raw); });
    lines_.push_back(std::move(line));
    return 0;
  }

  void send(const Endpoint& to, ByteView packet) override {
    const Line* line = find_or_open(to);
    if (line != nullptr && net::send_connected(line->socket, packet) == 0) return;
    failures_.push_back(loop_.after(
        Duration::zero(), [this, to] { events_.on_failure(to, SendFailure::unreachable); }));
  }

  [[nodiscard]] Endpoint local_towards(const Endpoint& to) const override {
    return {net::source_address_to(to).value_or(local_.ip), local_.port};
  }
  [[nodiscard]] uint64_t taken_from_application() const override { return taken_; }

 private:
  struct Line {
    Endpoint to;
    net::UdpSocket socket;
    net::Watch watch;
  };

  const Line* find_or_open(const Endpoint& to) {
    for (const auto& line : lines_) {
      if (line->to == to) return line.get();
    }
    return open(to) == 0 ? lines_.back().get() : nullptr;
  }

  void on_readable(const Line& line) {
    constexpr int kMaxDatagrams = 64;
    for (int i = 0; i < kMaxDatagrams; ++i) {
      const net::Received received = net::receive_one(line.socket, buffer_);
      if (received.error == EAGAIN) return;
      if (received.error == ECONNREFUSED) events_.on_failure(line.to, SendFailure::refused);
      if (received.error != 0) continue;
      if (received.from == line.to) {
        events_.on_packet(received.from, received.bytes);
      } else {
        ++taken_;
      }
    }
  }

  net::EventLoop& loop_;
  Endpoint local_;
  ProbePortEvents events_;
  std::vector<uint8_t> buffer_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<net::Watch> failures_;
  uint64_t taken_ = 0;
};

}  // namespace

Result<std::unique_ptr<ProbePort>, net::SysError> open_shared_udp_port(net::EventLoop& loop,
                                                                       const Endpoint& local,
                                                                       const Endpoint& towards,
                                                                       ProbePortEvents events) {
  auto port = std::make_unique<SharedUdpPort>(loop, local, std::move(events));
  if (const int error = port->open(towards); error != 0) {
    return unexpected(net::SysError{error, "share " + local.to_string()});
  }
  return port;
}

}  // namespace turnpike::client
