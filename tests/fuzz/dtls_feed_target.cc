// A DTLS server that talks with OpenSSL's client over a network which the bytes make lossy: lost,
// doubled, reordered and damaged datagrams, a stranger's forged ones, and time that goes by.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz/byte_source.h"
#include "net/dtls_channel.h"
#include "support/tls_peers.h"

namespace turnpike::net {
namespace {

using fuzz::ByteSource;

constexpr size_t kMaxSteps = 200;
constexpr size_t kMaxInFlight = 64;

std::shared_ptr<const TlsContext> shared_context() {
  static const auto context = TlsContext::make({}, nullptr).value();
  return context;
}

class Network {
 public:
  explicit Network(ByteSource& source) : source_(source) { step_client({}); }

  void step() {
    switch (source_.u8() % 8) {
      case 0:
      case 1:
      case 2:
        deliver(take(to_server_), false);
        break;
      case 3:
      case 4:
        step_client(take(to_client_));
        break;
      case 5:
        deliver(choose_junk(), true);
        break;
      case 6:
        write();
        break;
      case 7:
        pass_time();
        break;
      default:
        break;
    }
  }

 private:
  using Bytes = std::vector<uint8_t>;
  using Queue = std::vector<Bytes>;

  // One of the first datagrams of the queue, perhaps damaged, perhaps left there to come twice.
  Bytes take(Queue& queue) {
    if (queue.empty()) return {};
    const uint8_t choice = source_.u8();
    const auto at = queue.begin() + static_cast<ptrdiff_t>((choice & 3U) % queue.size());
    Bytes datagram = *at;
    if (choice < 230) queue.erase(at);
    if (choice >= 250 && !datagram.empty()) datagram[source_.u16() % datagram.size()] ^= choice;
    return datagram;
  }

  void collect(const DatagramList& from, Queue& into) {
    for (size_t i = 0; i < from.size() && into.size() < kMaxInFlight; ++i) {
      into.emplace_back(from[i].begin(), from[i].end());
    }
  }

  // Free bytes, or a record header of a kind that OpenSSL looks into with free bytes behind.
  Bytes choose_junk() {
    const uint8_t choice = source_.u8();
    const ByteView body = source_.bytes(255);
    if (choice % 2 == 0) return {body.begin(), body.end()};
    Bytes record = {static_cast<uint8_t>(20 + choice / 2 % 4),
                    0xfe,
                    0xfd,
                    0,
                    static_cast<uint8_t>(choice / 8 % 3),
                    0,
                    0,
                    0,
                    0,
                    1,
                    source_.u8(),
                    0,
                    static_cast<uint8_t>(body.size())};
    record.insert(record.end(), body.begin(), body.end());
    return record;
  }

  void deliver(const Bytes& datagram, bool forged) {
    DatagramList out;
    const bool anew = !server_ || server_->begins_anew(datagram);
    if (anew) {
      auto channel = listener_.on_datagram(datagram, address_, address_, now_, out);
      // The stranger doesn't get the cookie, and can't have guessed it.
      CHECK(!channel || !forged);
      if (channel) server_ = std::move(channel);
    } else {
      feed(datagram, forged, out);
    }
    collect(out, to_client_);
  }

  void feed(ByteView datagram, bool forged, DatagramList& out) {
    const TlsState before = server_->state();
    for (;;) {
      const ByteView plaintext = server_->feed(datagram, testing::plaintext_room(), now_, out);
      if (plaintext.empty()) break;
      CHECK(before != TlsState::closed && before != TlsState::failed);
    }
    CHECK(datagram.empty());
    // An open session is not for strangers to end.
    CHECK(!forged || before != TlsState::open || server_->state() == TlsState::open);
    CHECK(server_->failure().empty() == (server_->state() != TlsState::failed));
    CHECK(!server_->deadline() || server_->state() == TlsState::handshaking);
  }

  void step_client(const Bytes& datagram) {
    DatagramList out;
    client_.step(datagram, out);
    collect(out, to_server_);
  }

  void write() {
    DatagramList out;
    const std::string text(1 + source_.u8(), 'x');
    if (client_.is_open()) {
      client_.try_write(text, out);
      collect(out, to_server_);
      out.clear();
    }
    if (!server_) return;
    if (source_.u8() % 4 == 0) server_->release_buffers();
    const bool open = server_->state() == TlsState::open;
    CHECK(server_->write(as_bytes(text), out) == open);
    CHECK(out.size() == (open ? 1U : 0U));
    collect(out, to_client_);
  }

  void pass_time() {
    now_ += milliseconds(10 * source_.u8());
    if (!server_) return;
    DatagramList out;
    server_->on_deadline(now_, out);
    collect(out, to_client_);
  }

  ByteSource& source_;
  const Endpoint address_ = Endpoint::parse("192.0.2.1:1000", 0).value();
  Instant now_{seconds(1000)};
  DtlsListener listener_{shared_context()};
  std::optional<DtlsChannel> server_;
  testing::DtlsClient client_{{}, testing::ClientFlights::doubled};
  Queue to_server_;
  Queue to_client_;
};

}  // namespace
}  // namespace turnpike::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  turnpike::fuzz::ByteSource source({data, size});
  turnpike::net::Network network(source);
  for (size_t i = 0; i < turnpike::net::kMaxSteps && !source.empty(); ++i) network.step();
  return 0;
}
