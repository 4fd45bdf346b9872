// A certificate with its chain and its private key, from PEM files or made in memory.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/openssl_ptr.h"
#include "net/tls_files.h"

namespace turnpike::net {

struct TlsCertificateFiles {
  std::string certificate;    // PEM: the server's own first, then the intermediate ones.
  std::string private_key{};  // PEM. Empty: it is in the certificate's file.
  std::string password{};     // Of the key. Empty: it has none.
};

// Immutable; shared by the snapshots that use it.
class TlsCertificate {
 public:
  // The error names the file, what is wrong with it and, where reading failed, who tried.
  static Result<std::shared_ptr<const TlsCertificate>, std::string> load(
      const TlsCertificateFiles& files, std::vector<FileStamp>& stamps);
  // ECDSA P-256, valid for a year. Nobody can verify it: it only makes encryption possible.
  static std::shared_ptr<const TlsCertificate> make_self_signed();

  // Requires that the key is the leaf's.
  TlsCertificate(std::string path, X509Ptr leaf, X509ChainPtr chain, EvpPkeyPtr key);

  // Whether the certificate is for that host name (RFC 6125, wildcards included).
  [[nodiscard]] bool covers(const std::string& host) const;
  // Whether one of its names is that one, and not a wildcard that covers it.
  [[nodiscard]] bool spells_out(const std::string& host) const;
  // Whether browsers would take it for that name: they heed no common name.
  [[nodiscard]] bool lists(const std::string& host) const;
  // Whether one of its names is covered by `other` too.
  [[nodiscard]] bool shares_a_name_with(const TlsCertificate& other) const;
  // The DNS names it lists or, where it lists none, its common name.
  [[nodiscard]] std::vector<std::string> names() const;
  // OpenSSL's number of the key's algorithm (EVP_PKEY_RSA, EVP_PKEY_EC, ...).
  [[nodiscard]] int key_type() const;
  [[nodiscard]] WallTime not_after() const;
  // Of the certificate's file; empty when self-signed by us.
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] X509* leaf() const { return leaf_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
  [[nodiscard]] STACK_OF(X509) * chain() const { return chain_.get(); }

 private:
  std::string path_;
  X509Ptr leaf_;
  X509ChainPtr chain_;
  EvpPkeyPtr key_;
};

// The same as lists() for the certificate in that PEM file. The key is not needed.
Result<bool, std::string> certificate_file_names(const std::string& path, const std::string& host);

// The text of the oldest error that OpenSSL has noted on this thread; forgets all of them.
std::string_view take_openssl_reason();

}  // namespace turnpike::net
