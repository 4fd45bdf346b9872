// The server's side of DTLS 1.2, without a socket or a clock: datagrams in, datagrams out.
//
// A worker has one DtlsListener. It answers strangers with a cookie and keeps nothing about them;
// who returns the cookie becomes a DtlsChannel. For a datagram from a 5-tuple that has a channel:
//
//   if channel.begins_anew(datagram): give it to the listener (a client that lost its state, or a
//     stranger who forges its address). The channel that may come of it replaces the old one when
//     it is open, not before (RFC 6347 section 4.2.8).
//   otherwise: channel.feed().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "net/datagram_bio.h"
#include "net/dtls_cookie.h"
#include "net/tls_channel.h"
#include "net/tls_context.h"

namespace turnpike::net {

// Movable; one thread at a time.
//
// Time. OpenSSL runs its retransmission timer on the wall clock and offers no way to tell it the
// time, so that timer is set out of reach and the channel retransmits by itself: it keeps the
// datagrams of the last flight until the client answers, and sends the same ones again when the
// deadline has come. To the client they look like datagrams that the network has doubled, of which
// it takes those that it misses. The only flight that is not covered is the last one; OpenSSL sends
// that again when it sees the client's last flight again, whatever the time.
class DtlsChannel {
 public:
  static constexpr milliseconds kFirstRetransmission{1000};  // RFC 6347 section 4.2.4.1.
  static constexpr milliseconds kLastRetransmission{60'000};

  // Takes the datagram (when given) and returns the next plaintext, which lies in `room` (at least
  // kTlsPlaintextMax): one for each record. Call it again with the same, now empty, view until it
  // returns nothing. What must be sent is added to `out`. Junk, forged and doubled datagrams change
  // nothing.
  ByteView feed(ByteView& datagram, ByteSpan room, Instant now, DatagramList& out);

  // Adds the one datagram that carries `plaintext`; false when the channel isn't open or
  // `plaintext` is larger than kTlsPlaintextMax.
  bool write(ByteView plaintext, DatagramList& out);

  // Says good-bye (close_notify) if there is someone to hear it.
  void close(DatagramList& out);

  // True for a ClientHello that isn't the one this channel was made from.
  [[nodiscard]] bool begins_anew(ByteView datagram) const;

  // When on_deadline() wants to be called; nothing when only the client can bring it on. How long a
  // handshake may take altogether is for the owner to say.
  [[nodiscard]] std::optional<Instant> deadline() const;
  void on_deadline(Instant now, DatagramList& out);

  // Gives back the record buffers (34 KiB), which the next packet takes again. For clients that
  // have been silent for a second or so: OpenSSL keeps them for DTLS whatever
  // SSL_MODE_RELEASE_BUFFERS says.
  void release_buffers();

  [[nodiscard]] TlsState state() const { return state_; }
  // Why it failed: OpenSSL's short text, which lives as long as the process.
  [[nodiscard]] std::string_view failure() const { return failure_; }
  [[nodiscard]] std::string_view cipher() const;
  [[nodiscard]] std::string_view protocol() const;  // What ALPN agreed on.
  [[nodiscard]] bool resumed() const;

 private:
  friend class DtlsListener;
  using HelloRandom = std::array<uint8_t, 32>;

  // What is kept until the client has answered our flight; nothing afterwards.
  struct Flight {
    DatagramList datagrams;
    Duration interval = kFirstRetransmission;
    Instant deadline;
  };

  DtlsChannel(std::shared_ptr<const TlsContext> context, SslPtr ssl, const HelloRandom& random);

  // Requires a DatagramCall in progress.
  void shake_hands(Instant now, const DatagramList& out);
  void remember_flight(Instant now, const DatagramList& out, size_t first);
  // False for what could only do harm while records are not protected yet.
  bool passes_handshake_filter(ByteView datagram);
  // False for what is too short to be protected, which OpenSSL must not see.
  [[nodiscard]] bool passes_length_filter(ByteView datagram) const;
  void take_buffers();
  void fail(std::string_view reason);
  void fail_or_wait(int result);

  std::shared_ptr<const TlsContext> context_;
  SslPtr ssl_;
  std::unique_ptr<Flight> flight_;
  std::string_view failure_;
  HelloRandom hello_random_;
  uint8_t early_datagrams_ = 0;
  uint8_t least_protected_size_ = 0;
  bool buffers_released_ = false;
  TlsState state_ = TlsState::handshaking;
};

// True for a datagram that begins with application data or an alert under the keys of a session:
// what a client that still shakes hands has nothing of to send.
[[nodiscard]] bool is_session_data(ByteView datagram);

// One per worker. Its memory doesn't grow with the number of strangers: it is one spare SSL object.
class DtlsListener {
 public:
  // Requires context->offers_dtls().
  explicit DtlsListener(std::shared_ptr<const TlsContext> context);

  // For clients to come; the channels that exist keep their snapshot. The same requirement.
  void use(std::shared_ptr<const TlsContext> context);

  // A datagram of a client that has no channel, or that begins anew. A ClientHello without a valid
  // cookie is answered in `out` with one (at most as many bytes as came); one with a cookie that
  // was sent to this client, from this server address, returns a channel, and its first flight is
  // in `out`. All else is ignored.
  std::optional<DtlsChannel> on_datagram(ByteView datagram, const Endpoint& client,
                                         const Endpoint& server, Instant now, DatagramList& out);

 private:
  std::shared_ptr<const TlsContext> context_;
  DtlsCookies cookies_;
  SslPtr spare_;
};

}  // namespace turnpike::net
