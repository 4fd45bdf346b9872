// The server's side of one TLS connection, without a socket: ciphertext in, plaintext out, and what
// is to be sent is appended to a buffer of the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "net/openssl_ptr.h"
#include "net/tls_context.h"

namespace turnpike::net {

// The state of a TLS or DTLS channel. The last two are final.
enum class TlsState : uint8_t {
  handshaking,
  open,
  closed,  // By either side, in good order.
  failed,  // See failure().
};

// What a TLS record can carry; the least room that feed() needs.
constexpr size_t kTlsPlaintextMax = 16384;

// Movable; one thread at a time. How long a handshake may take is for the owner to say.
//
// Memory: until the record with the ClientHello is complete, what has arrived of it and nothing
// else, so that many connections which never finish one are cheap. In the handshake about 50 KiB
// of OpenSSL's. When open, an incomplete record waits in a buffer of OpenSSL's (17 KiB) that exists
// only as long as one is incomplete.
class TlsChannel {
 public:
  // Longer ClientHellos than this fail: OpenSSL alone would take 128 KiB from whoever announces
  // that much.
  static constexpr size_t kClientHelloMax = 16384;

  explicit TlsChannel(std::shared_ptr<const TlsContext> context);

  // Takes ciphertext off the front of `ciphertext` and returns the next plaintext, which lies in
  // `room` (at least kTlsPlaintextMax). Call it until it returns nothing: then all of the
  // ciphertext has been taken. What must be sent (handshake, alerts, a closing record) is appended
  // to `out`: at most one flight of the handshake, later never more than was fed. Afterwards look
  // at state().
  ByteView feed(ByteView& ciphertext, ByteSpan room, std::vector<uint8_t>& out);

  // Appends the records that carry `plaintext`; false when the channel isn't open. A record cannot
  // be taken back, so the caller asks before whether its queue has room: write_size() bytes.
  bool write(ByteView plaintext, std::vector<uint8_t>& out);
  // An upper bound of what write() appends.
  static constexpr size_t write_size(size_t plaintext_size) {
    constexpr size_t kOverhead = 5 + 16 + 16 + 1;  // Header, nonce, tag, inner type.
    return plaintext_size + (plaintext_size / kTlsPlaintextMax + 1) * kOverhead;
  }

  // From now on the two directions end by themselves: after the other side's close_notify the
  // channel stays open, received_end() is true, and what is written still goes out.
  void end_directions_apart() { ends_apart_ = true; }
  [[nodiscard]] bool received_end() const { return received_end_; }
  // Appends our close_notify; what arrives is still decrypted. For channels whose directions end
  // apart.
  void end_writing(std::vector<uint8_t>& out);

  // A record has begun to arrive and is not complete: OpenSSL holds a buffer for it (17 KiB).
  [[nodiscard]] bool holds_part() const;

  // Says good-bye (close_notify) if there is someone to hear it.
  void close(std::vector<uint8_t>& out);

  [[nodiscard]] TlsState state() const { return state_; }
  // Why it failed: OpenSSL's short text, which lives as long as the process.
  [[nodiscard]] std::string_view failure() const { return failure_; }

  // For logs and tests, once open; empty before or when there is none.
  [[nodiscard]] std::string_view version() const;  // "TLSv1.3"
  [[nodiscard]] std::string_view cipher() const;
  [[nodiscard]] std::string_view protocol() const;  // What ALPN agreed on.
  [[nodiscard]] bool resumed() const;

 private:
  // Takes bytes until the first record is there, and makes ssl_ then.
  void collect_hello(ByteView& ciphertext);
  void shake_hands(ByteView& ciphertext, std::vector<uint8_t>& out);
  void fail(std::string_view reason);
  void fail_or_wait(int result, std::vector<uint8_t>& out);

  std::shared_ptr<const TlsContext> context_;
  std::vector<uint8_t> hello_;  // The first record, as far as it has come; empty once it is used.
  SslPtr ssl_;                  // Null until then.
  std::string_view failure_;
  TlsState state_ = TlsState::handshaking;
  bool ends_apart_ = false;
  bool received_end_ = false;
};

}  // namespace turnpike::net
