#include "client/server_link.h"

#include <array>
#include <cerrno>
#include <optional>

#include "client/stream_link.h"
#include "net/plain_udp.h"
#include "net/tcp.h"

namespace turnpike::client {
namespace {

using net::SysError;

// What one link may take in before the others have their turn.
constexpr int kReadsPerTurn = 16;

// How often a handshake over datagrams is looked at: its first wait is a second.
constexpr milliseconds kHandshakeTick{100};

ByteSpan datagram_room(size_t index) {
  thread_local std::array<std::array<uint8_t, size_t{64} * 1024>, 2> rooms;
  return rooms[index];
}

Result<net::UdpSocket, SysError> connected_socket(const Endpoint& server) {
  auto socket = net::open_udp_socket({}, {any_address(server.ip.family()), 0});
  if (!socket) return unexpected(socket.error());
  if (const int error = net::connect_udp(*socket, server); error != 0) {
    return unexpected(SysError{.code = error, .what = "connect to " + server.to_string()});
  }
  return std::move(*socket);
}

class PlainLink final : public ServerLink {
 public:
  PlainLink(net::UdpSocket socket, net::EventLoop& loop, net::IoCounters* counters,
            Handlers handlers)
      : ServerLink(std::move(handlers), counters), socket_(std::move(socket)) {
    readable_ = loop.watch(socket_.fd(), [this] { on_readable(); });
  }

  void send(ByteView packet) override { note_error(net::send_connected(socket_, packet)); }
  void flush() override {}
  [[nodiscard]] Endpoint local() const override { return net::bound_endpoint(socket_); }

 private:
  void note_error(int error) {
    // Whatever else goes wrong is a lost datagram, which the session's schedule covers.
    if (error == ECONNREFUSED) note(Failure::refused, "nobody listens there");
    if (error != 0) count(&net::IoCounters::tx_drop_other);
  }

  void on_readable() {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      const net::Received received = net::receive_one(socket_, datagram_room(0));
      if (received.error == EAGAIN) return;
      if (received.error == 0) {
        take(received.bytes);
      } else if (received.error == ECONNREFUSED) {
        note(Failure::refused, "nobody listens there");
      }
    }
  }

  net::UdpSocket socket_;
  net::Watch readable_;  // After the socket: it goes first.
};

class DtlsLink final : public ServerLink {
 public:
  DtlsLink(net::UdpSocket socket, const ServerAddress& address, net::EventLoop& loop,
           net::IoCounters* counters, Handlers handlers)
      : ServerLink(std::move(handlers), counters),
        socket_(std::move(socket)),
        channel_(address.tls, address.host, out_) {
    readable_ = loop.watch(socket_.fd(), [this] { on_readable(); });
    tick_ = loop.every(kHandshakeTick, [this] { on_tick(); });
    send_out();
  }

  void send(ByteView packet) override {
    if (channel_.state() == net::TlsState::handshaking) {
      early_.push(packet);
    } else if (!channel_.write(packet, out_)) {
      count(&net::IoCounters::tx_drop_other);
    }
  }

  void flush() override {
    if (channel_.state() == net::TlsState::open && !early_.empty()) {
      for (size_t i = 0; i < early_.size(); ++i) channel_.write(early_[i], out_);
      early_.clear();
    }
    send_out();
  }

  [[nodiscard]] Endpoint local() const override { return net::bound_endpoint(socket_); }

 private:
  void on_tick() {
    channel_.on_time(out_);
    send_out();
    if (channel_.state() != net::TlsState::handshaking) tick_.reset();
  }

  void on_readable() {
    for (int i = 0; i < kReadsPerTurn && !broken(); ++i) {
      const net::Received received = net::receive_one(socket_, datagram_room(0));
      if (received.error == EAGAIN) break;
      if (received.error == ECONNREFUSED) note(Failure::refused, "nobody listens there");
      if (received.error != 0) continue;
      ByteView datagram = received.bytes;
      for (;;) {
        const ByteView plaintext = channel_.feed(datagram, datagram_room(1), out_);
        if (plaintext.empty()) break;
        take(plaintext);
      }
    }
    flush();
    if (channel_.state() == net::TlsState::failed) {
      stop(Failure::handshake, "DTLS: " + channel_.failure());
    } else if (channel_.state() == net::TlsState::closed) {
      stop(Failure::closed, "the server closed the connection");
    }
  }

  void stop(Failure failure, const std::string& text) {
    readable_.reset();
    tick_.reset();
    end(failure, text);
  }

  void send_out() {
    for (size_t i = 0; i < out_.size(); ++i) {
      const int error = net::send_connected(socket_, out_[i]);
      if (error == ECONNREFUSED) note(Failure::refused, "nobody listens there");
      if (error != 0) count(&net::IoCounters::tx_drop_other);
    }
    out_.clear();
  }

  net::UdpSocket socket_;
  net::DatagramList out_;
  net::DtlsClientChannel channel_;
  net::DatagramList early_;  // Sent before the handshake was done.
  // After the socket: they go first.
  net::Watch readable_;
  net::Watch tick_;  // While there is a handshake.
};

}  // namespace

stun::Delivery delivery_over(Transport transport) {
  return is_stream(transport) ? stun::Delivery::reliable : stun::Delivery::unreliable;
}

void ServerLink::take(ByteView packet) {
  count(&net::IoCounters::rx_datagrams);
  if (handlers_.on_packet) handlers_.on_packet(packet);
}

void ServerLink::note(Failure failure, const std::string& text) {
  if (failure_ != Failure::none) return;
  failure_ = failure;
  failure_text_ = text;
}

void ServerLink::end(Failure failure, const std::string& text) {
  if (broken_) return;
  broken_ = true;
  note(failure, text);
  if (handlers_.on_broken) handlers_.on_broken();
}

Result<std::unique_ptr<ServerLink>, SysError> ServerLink::open(const ServerAddress& address,
                                                               net::EventLoop& loop,
                                                               net::IoCounters* counters,
                                                               Handlers handlers) {
  if (is_stream(address.transport)) {
    auto fd = net::begin_tcp_connection(address.server);
    if (!fd) return unexpected(fd.error());
    return std::make_unique<StreamLink>(std::move(*fd), &address, loop, counters,
                                        std::move(handlers));
  }
  auto socket = connected_socket(address.server);
  if (!socket) return unexpected(socket.error());
  if (address.transport == Transport::dtls) {
    return std::make_unique<DtlsLink>(std::move(*socket), address, loop, counters,
                                      std::move(handlers));
  }
  return std::make_unique<PlainLink>(std::move(*socket), loop, counters, std::move(handlers));
}

std::unique_ptr<ServerLink> ServerLink::over_connection(net::Fd fd, net::EventLoop& loop,
                                                        Handlers handlers) {
  return std::make_unique<StreamLink>(std::move(fd), nullptr, loop, nullptr, std::move(handlers));
}

}  // namespace turnpike::client
