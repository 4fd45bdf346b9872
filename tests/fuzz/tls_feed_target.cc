// A TLS server that talks with OpenSSL's client over a wire which the bytes disturb: pieces of any
// size, flipped bits, junk between, data at any time.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz/byte_source.h"
#include "net/tls_channel.h"
#include "support/tls_peers.h"

namespace turnpike::net {
namespace {

using fuzz::ByteSource;

constexpr size_t kMaxSteps = 200;

std::shared_ptr<const TlsContext> shared_context() {
  static const auto context = TlsContext::make({}, nullptr).value();
  return context;
}

class Wire {
 public:
  explicit Wire(ByteSource& source) : source_(source) {}

  void step() {
    switch (source_.u8() % 6) {
      case 0:
      case 1:
        shake_hands();
        break;
      case 2:
        deliver(source_.bytes(255));
        break;
      case 3:
        write_to_server();
        break;
      case 4:
        write_to_client();
        break;
      case 5:
        close();
        break;
      default:
        break;
    }
  }

 private:
  void shake_hands() {
    if (!client_.is_open()) SSL_do_handshake(client_.ssl());
    std::vector<uint8_t> flight = client_.take_output();
    const uint8_t flips = source_.u8();
    if (flips >= 250 && !flight.empty()) flight[source_.u16() % flight.size()] ^= flips;
    deliver(flight);
  }

  void write_to_server() {
    if (!client_.is_open()) return;
    const std::string text(1 + 100 * size_t{source_.u8()}, 'x');
    if (SSL_write(client_.ssl(), text.data(), static_cast<int>(text.size())) > 0) {
      deliver(client_.take_output());
    }
  }

  void write_to_client() {
    std::vector<uint8_t> out;
    const std::vector<uint8_t> text(1 + 300 * size_t{source_.u8()});
    const bool open = server_.state() == TlsState::open;
    CHECK(server_.write(text, out) == open);
    CHECK(out.size() <= TlsChannel::write_size(text.size()));
    client_.give(out);
    client_.read();
  }

  void close() {
    if (source_.u8() < 250) return;
    std::vector<uint8_t> out;
    server_.close(out);
    CHECK(server_.state() == TlsState::closed || server_.state() == TlsState::failed);
  }

  void deliver(ByteView bytes) {
    // Single bytes for short flights; long ones in not too many pieces, or nothing else gets done.
    const size_t piece = std::max(1 + size_t{source_.u8()} * 8, bytes.size() / 100);
    while (!bytes.empty()) {
      const ByteView part = bytes.first(std::min(piece, bytes.size()));
      bytes = bytes.subspan(part.size());
      feed(part);
    }
  }

  void feed(ByteView part) {
    const TlsState before = server_.state();
    std::vector<uint8_t> out;
    size_t plaintext_size = 0;
    for (;;) {
      const ByteView plaintext = server_.feed(part, testing::plaintext_room(), out);
      if (plaintext.empty()) break;
      plaintext_size += plaintext.size();
    }
    CHECK(part.empty());
    CHECK(out.size() < 10'000);
    const bool was_over = before == TlsState::closed || before == TlsState::failed;
    CHECK(!was_over || (server_.state() == before && out.empty() && plaintext_size == 0));
    CHECK(server_.failure().empty() == (server_.state() != TlsState::failed));
    client_.give(out);
  }

  ByteSource& source_;
  TlsChannel server_{shared_context()};
  testing::TlsClient client_;
};

}  // namespace
}  // namespace turnpike::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  turnpike::fuzz::ByteSource source({data, size});
  turnpike::net::Wire wire(source);
  for (size_t i = 0; i < turnpike::net::kMaxSteps && !source.empty(); ++i) wire.step();
  return 0;
}
