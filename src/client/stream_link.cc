#include "client/stream_link.h"

#include <array>
#include <cerrno>

#include "net/tcp.h"
#include "net/tcp_connect.h"
#include "net/tcp_probe.h"
#include "stun/channel_data.h"

namespace turnpike::client {
namespace {

// What waits beyond that will not be on time anyway.
constexpr size_t kLinkQueueMax = size_t{256} * 1024;

// One for each thread: nothing that is read stays in it.
ByteSpan stream_room(size_t index) {
  thread_local std::array<std::array<uint8_t, net::kTlsPlaintextMax>, 2> rooms;
  return rooms[index];
}

bool is_channel_data(ByteView packet) {
  return !packet.empty() && packet[0] >= 0x40;
}

}  // namespace

StreamLink::StreamLink(net::Fd fd, const ServerAddress* address, net::EventLoop& loop,
                       net::IoCounters* counters, Handlers handlers)
    : ServerLink(std::move(handlers), counters), loop_(loop), fd_(std::move(fd)) {
  framer_.allow_long_frames();
  if (address != nullptr && address->transport == Transport::tls) {
    tls_.emplace(address->tls, address->host, queue_);
  }
  readable_ = loop_.watch(fd_.get(), [this] { on_readable(); });
  // Until it is connected there is nothing else to wait for.
  want_writable();
}

StreamLink::~StreamLink() {
  readable_.reset();
  writable_.reset();
  if (fd_ && resets_) net::reset_on_close(fd_);
}

Endpoint StreamLink::local() const {
  return fd_ ? net::local_endpoint(fd_) : Endpoint{};
}

void StreamLink::send(ByteView packet) {
  if (broken()) return;
  if (queue_.size() + plaintext_.size() + packet.size() > kLinkQueueMax) {
    count(&net::IoCounters::tx_drop_would_block);
    return;
  }
  std::vector<uint8_t>& to = tls_ ? plaintext_ : queue_;
  to.insert(to.end(), packet.begin(), packet.end());
  // A session that knows of streams has padded it already.
  if (is_channel_data(packet)) {
    to.insert(to.end(), stun::channel_padding(packet.size() - stun::kChannelHeaderSize), 0);
  }
}

void StreamLink::flush() {
  if (broken()) return;
  if (!plaintext_.empty() && tls_->write(plaintext_, queue_)) plaintext_.clear();
  if (queue_.empty() || writable_) return;
  const net::StreamWrite wrote = net::write_stream(fd_, queue_);
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(wrote.written));
  if (wrote.result == net::StreamResult::closed) {
    return stop(Failure::closed, "the server closed the connection");
  }
  if (wrote.result == net::StreamResult::would_block) want_writable();
}

void StreamLink::want_writable() {
  writable_ = loop_.watch_writable(fd_.get(), [this] {
    writable_.reset();
    on_writable();
  });
}

void StreamLink::on_writable() {
  if (!connected_) {
    if (const int error = net::connect_error(fd_); error != 0) {
      const bool refused = error == ECONNREFUSED;
      return stop(refused ? Failure::refused : Failure::unreachable,
                  net::SysError{.code = error, .what = "connect"}.to_string());
    }
    connected_ = true;
  }
  flush();
}

void StreamLink::on_readable() {
  if (broken()) return;
  if (!connected_) {
    // Readable by its error: the writable side tells which.
    return on_writable();
  }
  const net::StreamRead read = net::read_stream(fd_, stream_room(0));
  if (read.result == net::StreamResult::would_block) return;
  if (read.result == net::StreamResult::closed) {
    return tls_ && tls_->state() == net::TlsState::handshaking
               ? stop(Failure::handshake, "TLS: the server closed the connection")
               : stop(Failure::closed, "the server closed the connection");
  }
  if (tls_) {
    take_ciphertext(read.bytes);
  } else {
    take_plaintext(read.bytes);
  }
}

void StreamLink::take_ciphertext(ByteView bytes) {
  while (!broken()) {
    const ByteView plaintext = tls_->feed(bytes, stream_room(1), queue_);
    if (plaintext.empty()) break;
    take_plaintext(plaintext);
  }
  // Also what a failing handshake has to say to the server.
  flush();
  if (tls_->state() == net::TlsState::failed) stop(Failure::handshake, "TLS: " + tls_->failure());
  if (tls_->state() == net::TlsState::closed) {
    stop(Failure::closed, "the server closed the connection");
  }
}

void StreamLink::take_plaintext(ByteView bytes) {
  while (!broken()) {
    const auto frame = framer_.next(bytes);
    if (!frame) return stop(Failure::closed, "what came is neither STUN nor ChannelData");
    if (!*frame) return;
    take((*frame)->bytes);
  }
}

void StreamLink::stop(Failure failure, const std::string& text) {
  if (broken()) return;
  // A closed connection stays readable, and keeps its port.
  readable_.reset();
  writable_.reset();
  if (resets_) net::reset_on_close(fd_);
  fd_.reset();
  end(failure, text);
}

}  // namespace turnpike::client
