// What TLS and DTLS tests need: certificates in files, and OpenSSL's own client in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "net/datagram_bio.h"
#include "net/dtls_channel.h"
#include "net/openssl_ptr.h"
#include "net/tls_channel.h"
#include "net/tls_context.h"

namespace turnpike::testing {

// A directory of its own for a test, with everything in it removed afterwards.
class TempDir {
 public:
  TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  // Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

enum class KeyKind : uint8_t { rsa, ecdsa };

// A certificate and its key as PEM texts and as objects. `issuer` null: signed by itself.
struct Identity {
  std::string certificate_pem;
  std::string key_pem;
  net::X509Ptr certificate;
  net::EvpPkeyPtr key;

  static Identity make(const std::string& name, KeyKind kind, const Identity* issuer = nullptr);
  // Writes NAME.crt and NAME.key.
  net::TlsCertificateFiles save(const TempDir& dir, const std::string& name) const;
};

// Without certificates of anybody, and one for all tests.
std::shared_ptr<const net::TlsContext> shared_context();

// Gives the tests one plaintext room.
ByteSpan plaintext_room();

// OpenSSL as a client. A test sets it up by `ssl()` before the first step.
class TlsClient {
 public:
  explicit TlsClient(const std::function<void(SSL_CTX*)>& setup = {});

  SSL* ssl() { return ssl_.get(); }

  // Names the host that is wanted (SNI).
  void ask_for(const std::string& host);

  // Exchanges bytes with the server, which gets them in pieces of at most `piece`, until neither
  // has anything to say. Returns what the server read.
  std::string talk(net::TlsChannel& server, size_t piece = SIZE_MAX);

  void write(const std::string& text);
  std::string read();
  // What the client has written and nobody has taken yet.
  std::vector<uint8_t> take_output();
  void give(ByteView ciphertext);

  [[nodiscard]] bool is_open() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  // The common name of the server's certificate.
  [[nodiscard]] std::string server_name() const;
  // The session, with the ticket that came last; nothing more can be sent then.
  net::SslSessionPtr end_session();

 private:
  net::SslPtr ssl_;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
};

// How often a DTLS client sends a flight: `doubled` stands for a client whose timer has fired once
// before the server's answer came.
enum class ClientFlights : uint8_t { single, doubled };

// OpenSSL as a DTLS client; each step gives it one datagram (or none) and adds what it sends.
class DtlsClient {
 public:
  explicit DtlsClient(const std::function<void(SSL_CTX*)>& setup = {},
                      ClientFlights flights = ClientFlights::single);

  SSL* ssl() { return ssl_.get(); }
  // Begins or continues the handshake, or reads; returns the plaintext, if there is one.
  std::string step(ByteView datagram, net::DatagramList& out);
  void write(const std::string& text, net::DatagramList& out);
  // False when the connection has ended.
  bool try_write(const std::string& text, net::DatagramList& out);

  [[nodiscard]] bool is_open() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  net::SslSessionPtr end_session();

 private:
  net::SslPtr ssl_;
};

}  // namespace turnpike::testing
