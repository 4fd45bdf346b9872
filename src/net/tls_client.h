// The client's side of TLS and DTLS 1.2, without a socket: for tools that reach servers. Compare
// tls_channel.h and dtls_channel.h, which are the server's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "net/datagram_bio.h"
#include "net/openssl_ptr.h"
#include "net/tls_channel.h"

namespace turnpike::net {

enum class TlsVerify : uint8_t {
  by_system,  // The certificate must be valid for the host, by the system's list of authorities.
  none,       // Any certificate will do: tests, and measuring a server that made its own.
};

struct TlsClientSettings {
  TlsVerify verify = TlsVerify::by_system;
  std::string ca_file = {};  // Not empty: authorities to trust beside the system's.
  // For servers that ask who we are: PEM files, both or none.
  std::string certificate_file = {};
  std::string key_file = {};
};

// What all connections of a tool have in common. Thread-safe.
class TlsClientContext {
 public:
  // The error says what OpenSSL could not do.
  static Result<std::shared_ptr<const TlsClientContext>, std::string> make(TlsVerify verify);
  static Result<std::shared_ptr<const TlsClientContext>, std::string> make(
      const TlsClientSettings& settings);

  // For make(): both are set.
  TlsClientContext(SslContextPtr tls, SslContextPtr dtls)
      : tls_(std::move(tls)), dtls_(std::move(dtls)) {}

  [[nodiscard]] SSL_CTX* tls() const { return tls_.get(); }
  [[nodiscard]] SSL_CTX* dtls() const { return dtls_.get(); }

 private:
  SslContextPtr tls_;
  SslContextPtr dtls_;
};

// Movable; one thread at a time.
class TlsClientChannel {
 public:
  // `host` is named to the server and, where certificates count, must be in its own; it may be an
  // address, which is not named. The ClientHello is appended to `out`.
  TlsClientChannel(std::shared_ptr<const TlsClientContext> context, const std::string& host,
                   std::vector<uint8_t>& out);

  // Takes ciphertext off the front of `ciphertext` and returns the next plaintext, which lies in
  // `room` (at least kTlsPlaintextMax). Call it until it returns nothing.
  ByteView feed(ByteView& ciphertext, ByteSpan room, std::vector<uint8_t>& out);
  // Appends the records that carry `plaintext`; false when the channel isn't open.
  bool write(ByteView plaintext, std::vector<uint8_t>& out);

  [[nodiscard]] TlsState state() const { return state_; }
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  void shake_hands();

  std::shared_ptr<const TlsClientContext> context_;
  SslPtr ssl_;
  std::string failure_;
  TlsState state_ = TlsState::handshaking;
};

// Movable; one thread at a time. OpenSSL keeps the time of retransmissions by itself here: a tool
// that calls on_time() now and then is in time for them.
class DtlsClientChannel {
 public:
  // The first flight is added to `out`.
  DtlsClientChannel(std::shared_ptr<const TlsClientContext> context, const std::string& host,
                    DatagramList& out);

  // Takes the datagram and returns the next plaintext in `room`; call it again with the same, now
  // empty, view until it returns nothing.
  ByteView feed(ByteView& datagram, ByteSpan room, DatagramList& out);
  bool write(ByteView plaintext, DatagramList& out);
  // Sends a flight again whose answer is late.
  void on_time(DatagramList& out);

  [[nodiscard]] TlsState state() const { return state_; }
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  void shake_hands();

  std::shared_ptr<const TlsClientContext> context_;
  SslPtr ssl_;
  std::string failure_;
  TlsState state_ = TlsState::handshaking;
};

}  // namespace turnpike::net
