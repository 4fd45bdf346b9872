// Everything TLS and DTLS connections have in common: certificates, versions, ciphers, ticket and
// cookie keys. An immutable snapshot: a reload makes another one, and connections that were made
// from the old one keep it alive until they end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/dtls_cookie.h"
#include "net/openssl_ptr.h"
#include "net/tls_certificate.h"
#include "net/tls_files.h"
#include "net/tls_tickets.h"

namespace turnpike::net {

enum class TlsMinimum : uint8_t {
  tls1_2,  // And DTLS 1.2.
  tls1_3,  // No DTLS then: the DTLS 1.2 that we have is TLS 1.2.
};

struct TlsSettings {
  // For a client that names no host, or none of ours, the first one counts. For each other it is
  // those that cover the name; the client's abilities choose among key types (RSA, ECDSA, ...).
  // Empty: a self-signed one is made in memory.
  std::vector<TlsCertificateFiles> certificates{};
  std::string ca_file{};  // Not empty: a client must show a certificate signed by one of these.
  // OpenSSL's list for TLS 1.2; names that begin with TLS_ are suites of TLS 1.3. What has no
  // entry keeps its default.
  std::string cipher_list{};
  std::string groups{};  // Key exchange groups ("X25519:P-256"). Empty: OpenSSL's default.
  TlsMinimum minimum = TlsMinimum::tls1_2;
};

// How the files that are named there are now.
std::vector<FileStamp> stamps_of(const TlsSettings& settings);

// Thread-safe: workers share one.
class TlsContext {
 public:
  // What stands in the way, all of it in one text, is the error. From `previous` (may be null) it
  // takes over what must survive a reload: ticket keys, the cookie key, the self-signed
  // certificate.
  static Result<std::shared_ptr<const TlsContext>, std::string> make(const TlsSettings& settings,
                                                                     const TlsContext* previous);

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext() = default;

  // The same with a new ticket key, without reading a file; the key before still opens tickets.
  // To be used twice a day or so: who steals a key can read what its tickets resumed in TLS 1.2.
  [[nodiscard]] std::shared_ptr<const TlsContext> with_new_ticket_key() const;

  // Whether a file that was read for this snapshot is another one now, or gone.
  [[nodiscard]] bool files_changed() const;
  // All that are loaded, the default one first.
  [[nodiscard]] const std::vector<std::shared_ptr<const TlsCertificate>>& certificates() const {
    return certificates_;
  }
  [[nodiscard]] bool self_signed() const { return certificates_.front()->path().empty(); }
  [[nodiscard]] bool offers_dtls() const { return dtls_ != nullptr; }

  // For the channels. SSL objects made from these need this snapshot as long as they live.
  [[nodiscard]] SSL_CTX* tls() const { return tls_.get(); }
  [[nodiscard]] SSL_CTX* dtls() const { return dtls_.get(); }
  [[nodiscard]] const DtlsCookieKey& cookie_key() const { return cookie_key_; }

  // For make() alone, which hands out none that is not ready; public for std::make_shared.
  struct Private {
   private:
    friend class TlsContext;
    Private() = default;
  };
  explicit TlsContext(Private) {}

 private:
  using CertificateList = std::vector<std::shared_ptr<const TlsCertificate>>;
  using Problems = std::vector<std::string>;

  // Each adds what is wrong to `problems`.
  void load_files(Problems& problems);
  void build(Problems& problems);
  SslContextPtr build_one(const SSL_METHOD* method, Problems& problems) const;
  void set_certificates(SSL_CTX* context, Problems& problems) const;

  [[nodiscard]] CertificateList certificates_for(const std::string& host) const;
  [[nodiscard]] CertificateList default_certificates() const;
  static int choose_certificate(SSL* ssl, void* context);

  TlsSettings settings_;
  std::vector<FileStamp> stamps_;
  CertificateList certificates_;
  std::string ca_text_;
  TicketKeys ticket_keys_;
  DtlsCookieKey cookie_key_{};
  // Last, so that they go before what their callbacks read.
  SslContextPtr tls_;
  SslContextPtr dtls_;
};

}  // namespace turnpike::net
