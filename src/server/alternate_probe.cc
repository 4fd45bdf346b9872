#include "server/alternate_probe.h"

#include <array>
#include <optional>

#include "net/plain_udp.h"
#include "net/tcp.h"
#include "stun/builder.h"
#include "stun/demux.h"
#include "stun/message.h"
#include "stun/stream_framer.h"

namespace turnpike::server {
namespace {

bool is_secure(Transport transport) {
  return transport == Transport::tls || transport == Transport::dtls;
}

// UDP, and DTLS over it.
class DatagramProbe final : public AlternateProbe {
 public:
  DatagramProbe(const AlternateQuestion& question, net::EventLoop& loop, RandomSource& random,
                std::shared_ptr<const net::TlsClientContext> tls, Done done)
      : AlternateProbe(random, std::move(done)), room_(net::kTlsPlaintextMax) {
    if (!connect(question.address, loop)) {
      give_up();
      return;
    }
    if (is_secure(question.transport)) {
      dtls_.emplace(std::move(tls), question.address.ip.to_string(), flights_);
    }
    ask();
  }

  void on_tick() override {
    if (finished()) return;
    if (dtls_) dtls_->on_time(flights_);
    ask();
  }

 private:
  bool connect(const Endpoint& address, net::EventLoop& loop) {
    auto socket = net::open_udp_socket({}, {any_address(address.ip.family()), uint16_t{0}});
    if (!socket || net::connect_udp(*socket, address) != 0) return false;
    socket_ = std::move(*socket);
    readable_ = loop.watch(socket_.fd(), [this] { on_readable(); });
    return static_cast<bool>(readable_);
  }

  void ask() {
    if (dtls_) {
      dtls_->write(request(), flights_);
    } else {
      // A refusal is an answer too, of a kind: it comes with the next call.
      static_cast<void>(net::send_connected(socket_, request()));
    }
    send_flights();
  }

  void send_flights() {
    for (size_t i = 0; i < flights_.size(); ++i) {
      static_cast<void>(net::send_connected(socket_, flights_[i]));
    }
    flights_.clear();
  }

  void on_readable() {
    std::array<uint8_t, 2048> buffer{};
    const net::Received received = net::receive_one(socket_, buffer);
    if (finished() || received.error != 0) return;
    if (!dtls_) return on_message(received.bytes);
    const bool was_open = dtls_->state() == net::TlsState::open;
    ByteView datagram = received.bytes;
    while (true) {
      const ByteView plaintext = dtls_->feed(datagram, room_, flights_);
      if (plaintext.empty()) break;
      on_message(plaintext);
    }
    if (finished()) return;
    if (dtls_->state() == net::TlsState::failed) return give_up();
    if (!was_open && dtls_->state() == net::TlsState::open) dtls_->write(request(), flights_);
    send_flights();
  }

  net::UdpSocket socket_;
  std::optional<net::DtlsClientChannel> dtls_;
  net::DatagramList flights_;
  std::vector<uint8_t> room_;  // For plaintext.
  net::Watch readable_;        // Declared last: it must go before the descriptor.
};

// TCP, and TLS over it.
class StreamProbe final : public AlternateProbe {
 public:
  StreamProbe(const AlternateQuestion& question, net::EventLoop& loop, RandomSource& random,
              std::shared_ptr<const net::TlsClientContext> tls, Done done)
      : AlternateProbe(random, std::move(done)), room_(net::kTlsPlaintextMax) {
    if (!connect(question.address, loop)) {
      give_up();
      return;
    }
    if (is_secure(question.transport)) {
      tls_.emplace(std::move(tls), question.address.ip.to_string(), queue_);
    } else {
      queue_.assign(request().begin(), request().end());
    }
  }

  // The kernel repeats what is lost.
  void on_tick() override {}

 private:
  bool connect(const Endpoint& address, net::EventLoop& loop) {
    auto fd = net::begin_tcp_connection(address);
    if (!fd) return false;
    fd_ = std::move(*fd);
    writable_ = loop.watch_writable(fd_.get(), [this] { on_writable(); });
    readable_ = loop.watch(fd_.get(), [this] { on_readable(); });
    return writable_ && readable_;
  }

  void on_writable() {
    writable_.reset();
    write_out();
  }

  // What is sent here is less than any send buffer, so what does not fit is a broken connection.
  void write_out() {
    if (finished() || queue_.empty()) return;
    const net::StreamWrite wrote = net::write_stream(fd_, queue_);
    if (wrote.written != queue_.size()) return stop();
    queue_.clear();
  }

  void on_readable() {
    if (finished()) return;
    std::array<uint8_t, 4096> buffer{};
    const net::StreamRead read = net::read_stream(fd_, buffer);
    if (read.result == net::StreamResult::would_block) return;
    if (read.result == net::StreamResult::closed) return stop();
    if (!tls_) return on_plaintext(read.bytes);
    const bool was_open = tls_->state() == net::TlsState::open;
    ByteView ciphertext = read.bytes;
    while (true) {
      const ByteView plaintext = tls_->feed(ciphertext, room_, queue_);
      if (plaintext.empty()) break;
      on_plaintext(plaintext);
    }
    if (finished()) return;
    const net::TlsState state = tls_->state();
    if (state == net::TlsState::failed || state == net::TlsState::closed) return stop();
    if (!was_open && state == net::TlsState::open) tls_->write(request(), queue_);
    write_out();
  }

  void on_plaintext(ByteView bytes) {
    while (!finished()) {
      const auto frame = framer_.next(bytes);
      if (!frame) return stop();
      if (!*frame) return;
      on_message((*frame)->bytes);
    }
  }

  void stop() {
    // A closed connection stays readable.
    readable_.reset();
    give_up();
  }

  net::Fd fd_;
  std::optional<net::TlsClientChannel> tls_;
  std::vector<uint8_t> queue_;  // To be written.
  std::vector<uint8_t> room_;   // For plaintext.
  stun::StreamFramer framer_;
  net::Watch readable_;  // Declared last: they must go before the descriptor.
  net::Watch writable_;
};

}  // namespace

AlternateProbe::AlternateProbe(RandomSource& random, Done done)
    : id_(random.bytes<12>()), request_(stun::kHeaderSize), done_(std::move(done)) {
  stun::MessageBuilder builder(request_, stun::Method::binding, stun::Class::request, id_);
  request_.resize(builder.finish().size());
}

void AlternateProbe::on_message(ByteView bytes) {
  if (stun::classify_datagram(bytes) != stun::PacketKind::stun) return;
  const auto message = stun::MessageView::parse(bytes);
  if (!message || message->method() != stun::Method::binding || message->transaction_id() != id_) {
    return;
  }
  if (message->message_class() == stun::Class::success ||
      message->message_class() == stun::Class::error) {
    finish(AlternateHealth::Result::answered);
  }
}

void AlternateProbe::finish(AlternateHealth::Result result) {
  if (finished_) return;
  finished_ = true;
  done_(result);
}

std::unique_ptr<AlternateProbe> start_probe(const AlternateQuestion& question, net::EventLoop& loop,
                                            RandomSource& random,
                                            std::shared_ptr<const net::TlsClientContext> tls,
                                            AlternateProbe::Done done) {
  if (is_stream(question.transport)) {
    return std::make_unique<StreamProbe>(question, loop, random, std::move(tls), std::move(done));
  }
  return std::make_unique<DatagramProbe>(question, loop, random, std::move(tls), std::move(done));
}

}  // namespace turnpike::server
