#include "cli/load_link.h"

#include <array>
#include <vector>

#include "net/plain_udp.h"
#include "net/tcp.h"
#include "stun/channel_data.h"
#include "stun/stream_framer.h"

namespace turnpike::cli {
namespace {

using net::IoCounters;
using net::SysError;

// What waits beyond that will not be on time anyway.
constexpr size_t kQueueMax = size_t{256} * 1024;
constexpr size_t kRoom = net::kTlsPlaintextMax;

// One for each thread: nothing that is read stays in it.
ByteSpan reading_room(size_t index) {
  thread_local std::array<std::array<uint8_t, kRoom>, 2> rooms;
  return rooms[index];
}

bool is_channel_data(ByteView packet) {
  return !packet.empty() && packet[0] >= 0x40;
}

class StreamLink final : public LoadLink {
 public:
  StreamLink(net::Fd fd, const LoadLinkSettings& settings, net::EventLoop& loop,
             IoCounters& counters, OnPacket on_packet)
      : loop_(loop), counters_(counters), on_packet_(std::move(on_packet)), fd_(std::move(fd)) {
    framer_.allow_long_frames();
    if (settings.transport == Transport::tls) tls_.emplace(settings.tls, settings.host, queue_);
    readable_ = loop_.watch(fd_.get(), [this] { on_readable(); });
    // Until it is connected there is nothing else to wait for.
    want_writable();
  }

  void send(ByteView packet) override {
    if (queue_.size() + plaintext_.size() + packet.size() > kQueueMax) {
      counters_.tx_drop_would_block.add();
      return;
    }
    std::vector<uint8_t>& to = tls_ ? plaintext_ : queue_;
    to.insert(to.end(), packet.begin(), packet.end());
    if (is_channel_data(packet)) {
      to.insert(to.end(), stun::channel_padding(packet.size() - stun::kChannelHeaderSize), 0);
    }
  }

  void flush() override {
    if (broken_) return;
    if (!plaintext_.empty() && tls_->write(plaintext_, queue_)) plaintext_.clear();
    if (queue_.empty() || writable_) return;
    const net::StreamWrite wrote = net::write_stream(fd_, queue_);
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(wrote.written));
    if (wrote.result == net::StreamResult::closed) broken_ = true;
    if (wrote.result == net::StreamResult::would_block) want_writable();
  }

  void on_time() override {}

 private:
  void want_writable() {
    writable_ = loop_.watch_writable(fd_.get(), [this] {
      writable_.reset();
      flush();
    });
  }

  void on_readable() {
    if (broken_) return;
    const net::StreamRead read = net::read_stream(fd_, reading_room(0));
    if (read.result == net::StreamResult::closed) broken_ = true;
    if (read.result != net::StreamResult::some) return;
    if (tls_) {
      take_ciphertext(read.bytes);
    } else {
      take_plaintext(read.bytes);
    }
  }

  void take_ciphertext(ByteView bytes) {
    for (;;) {
      const ByteView plaintext = tls_->feed(bytes, reading_room(1), queue_);
      if (plaintext.empty()) break;
      take_plaintext(plaintext);
    }
    if (tls_->state() == net::TlsState::closed || tls_->state() == net::TlsState::failed) {
      broken_ = true;
    }
    flush();
  }

  void take_plaintext(ByteView bytes) {
    while (!broken_) {
      const auto frame = framer_.next(bytes);
      if (!frame) {
        broken_ = true;
        return;
      }
      if (!*frame) return;
      counters_.rx_datagrams.add();
      on_packet_((*frame)->bytes);
    }
  }

  net::EventLoop& loop_;
  IoCounters& counters_;
  OnPacket on_packet_;
  net::Fd fd_;
  std::optional<net::TlsClientChannel> tls_;
  stun::StreamFramer framer_;
  std::vector<uint8_t> plaintext_;  // Not encrypted yet.
  std::vector<uint8_t> queue_;
  // After the descriptor: they go first.
  net::Watch readable_;
  net::Watch writable_;  // Set while the kernel takes nothing.
};

class DtlsLink final : public LoadLink {
 public:
  DtlsLink(net::UdpSocket socket, const LoadLinkSettings& settings, net::EventLoop& loop,
           IoCounters& counters, OnPacket on_packet)
      : counters_(counters),
        on_packet_(std::move(on_packet)),
        socket_(std::move(socket)),
        channel_(settings.tls, settings.host, out_) {
    readable_ = loop.watch(socket_.fd(), [this] { on_readable(); });
    send_out();
  }

  void send(ByteView packet) override {
    if (channel_.state() == net::TlsState::handshaking) {
      early_.push(packet);
    } else if (!channel_.write(packet, out_)) {
      counters_.tx_drop_other.add();
    }
  }

  void flush() override {
    if (channel_.state() == net::TlsState::open && !early_.empty()) {
      for (size_t i = 0; i < early_.size(); ++i) channel_.write(early_[i], out_);
      early_.clear();
    }
    send_out();
  }

  void on_time() override {
    channel_.on_time(out_);
    send_out();
  }

 private:
  // What one client may take in before the others have their turn.
  static constexpr int kReadsPerTurn = 16;

  void on_readable() {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      const net::Received received = net::receive_one(socket_, reading_room(0));
      if (received.error != 0) break;
      ByteView datagram = received.bytes;
      for (;;) {
        const ByteView plaintext = channel_.feed(datagram, reading_room(1), out_);
        if (plaintext.empty()) break;
        counters_.rx_datagrams.add();
        on_packet_(plaintext);
      }
    }
    if (channel_.state() == net::TlsState::closed || channel_.state() == net::TlsState::failed) {
      broken_ = true;
    }
    flush();
  }

  void send_out() {
    for (size_t i = 0; i < out_.size(); ++i) {
      if (net::send_connected(socket_, out_[i]) != 0) counters_.tx_drop_other.add();
    }
    out_.clear();
  }

  IoCounters& counters_;
  OnPacket on_packet_;
  net::UdpSocket socket_;
  net::DatagramList out_;
  net::DtlsClientChannel channel_;
  net::DatagramList early_;  // Sent before the handshake was done.
  net::Watch readable_;      // After the socket: it goes first.
};

}  // namespace

Result<std::unique_ptr<LoadLink>, SysError> LoadLink::open(const LoadLinkSettings& settings,
                                                           net::EventLoop& loop,
                                                           IoCounters& counters,
                                                           OnPacket on_packet) {
  if (settings.transport == Transport::dtls) {
    auto socket = net::open_udp_socket({}, {any_address(settings.server.ip.family()), 0});
    if (!socket) return unexpected(socket.error());
    if (const int error = net::connect_udp(*socket, settings.server); error != 0) {
      return unexpected(
          SysError{.code = error, .what = "connect to " + settings.server.to_string()});
    }
    return std::make_unique<DtlsLink>(std::move(*socket), settings, loop, counters,
                                      std::move(on_packet));
  }
  auto fd = net::begin_tcp_connection(settings.server);
  if (!fd) return unexpected(fd.error());
  return std::make_unique<StreamLink>(std::move(*fd), settings, loop, counters,
                                      std::move(on_packet));
}

}  // namespace turnpike::cli
