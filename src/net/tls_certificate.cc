#include "net/tls_certificate.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/random.h"

namespace turnpike::net {
namespace {

struct PasswordRequest {
  const std::string& password;
  bool asked = false;
};

// Stands in for OpenSSL's own prompt, which would wait at a terminal that a server doesn't have.
int give_password(char* buffer, int size, int /*writing*/, void* request_pointer) {
  auto& request = *static_cast<PasswordRequest*>(request_pointer);
  request.asked = true;
  const size_t length = request.password.size();
  if (length == 0 || length > static_cast<size_t>(size)) return -1;
  std::memcpy(buffer, request.password.data(), length);
  return static_cast<int>(length);
}

BioPtr reader_of(const std::string& text) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  CHECK(bio != nullptr);
  return bio;
}

Result<EvpPkeyPtr, std::string> parse_key(const std::string& path, const std::string& text,
                                          const std::string& password) {
  ERR_clear_error();
  PasswordRequest request{password};
  EvpPkeyPtr key(PEM_read_bio_PrivateKey(reader_of(text).get(), nullptr, give_password, &request));
  if (key) return key;
  const std::string_view reason = take_openssl_reason();
  if (request.asked && password.empty()) {
    return unexpected(path + ": the private key is encrypted and no password is configured");
  }
  if (request.asked) return unexpected(path + ": the password of the private key is wrong");
  return unexpected(path + ": holds no private key in PEM form (" + std::string(reason) + ")");
}

struct Certificates {
  X509Ptr leaf;
  X509ChainPtr chain;
};

// PEM_read_bio_X509 ends a well-formed file with "no start line"; any other error is a defect.
bool ended_well() {
  return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

Result<Certificates, std::string> parse_certificates(const std::string& path,
                                                     const std::string& text) {
  ERR_clear_error();
  const BioPtr reader = reader_of(text);
  X509Ptr leaf(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
  if (!leaf) {
    return unexpected(path + ": holds no certificate in PEM form (" +
                      std::string(take_openssl_reason()) + ")");
  }
  X509ChainPtr chain(sk_X509_new_null());
  CHECK(chain != nullptr);
  while (X509* next = PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)) {
    CHECK(sk_X509_push(chain.get(), next) > 0);
  }
  if (!ended_well()) {
    return unexpected(path + ": a certificate of the chain is damaged (" +
                      std::string(take_openssl_reason()) + ")");
  }
  ERR_clear_error();
  return Certificates{std::move(leaf), std::move(chain)};
}

std::vector<std::string> common_names(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  std::vector<std::string> found;
  int at = -1;
  while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    const ByteView bytes(ASN1_STRING_get0_data(text),
                         static_cast<size_t>(ASN1_STRING_length(text)));
    found.emplace_back(as_text(bytes));
  }
  return found;
}

void sign_ourselves(X509* certificate, EVP_PKEY* key) {
  constexpr long kDay = 24L * 60 * 60;
  RandomSource random;
  CHECK(X509_set_version(certificate, X509_VERSION_3) == 1);
  CHECK(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), random.next() >> 1) == 1);
  // A client's clock may be behind ours.
  CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), -kDay) != nullptr);
  CHECK(X509_gmtime_adj(X509_getm_notAfter(certificate), 365 * kDay) != nullptr);
  CHECK(X509_set_pubkey(certificate, key) == 1);
  X509_NAME* name = X509_get_subject_name(certificate);
  const ByteView common_name = as_bytes("turnpike");
  CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name.data(),
                                   static_cast<int>(common_name.size()), -1, 0) == 1);
  CHECK(X509_set_issuer_name(certificate, name) == 1);
  CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
}

}  // namespace

std::string_view take_openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "no reason given" : text;
}

TlsCertificate::TlsCertificate(std::string path, X509Ptr leaf, X509ChainPtr chain, EvpPkeyPtr key)
    : path_(std::move(path)),
      leaf_(std::move(leaf)),
      chain_(std::move(chain)),
      key_(std::move(key)) {}

Result<std::shared_ptr<const TlsCertificate>, std::string> TlsCertificate::load(
    const TlsCertificateFiles& files, std::vector<FileStamp>& stamps) {
  const auto text = read_tls_file(files.certificate, stamps);
  if (!text) return unexpected(text.error());
  auto certificates = parse_certificates(files.certificate, *text);
  if (!certificates) return unexpected(std::move(certificates.error()));

  const bool one_file = files.private_key.empty();
  const std::string& key_path = one_file ? files.certificate : files.private_key;
  const auto key_text = one_file ? text : read_tls_file(key_path, stamps);
  if (!key_text) return unexpected(key_text.error());
  auto key = parse_key(key_path, *key_text, files.password);
  if (!key) return unexpected(std::move(key.error()));
  if (X509_check_private_key(certificates->leaf.get(), key->get()) != 1) {
    ERR_clear_error();
    return unexpected(key_path + ": the private key does not belong to the certificate " +
                      files.certificate);
  }
  return std::make_shared<const TlsCertificate>(files.certificate, std::move(certificates->leaf),
                                                std::move(certificates->chain), std::move(*key));
}

std::shared_ptr<const TlsCertificate> TlsCertificate::make_self_signed() {
  EvpPkeyPtr key(EVP_EC_gen("P-256"));
  X509Ptr certificate(X509_new());
  X509ChainPtr chain(sk_X509_new_null());
  CHECK(key != nullptr && certificate != nullptr && chain != nullptr);
  sign_ourselves(certificate.get(), key.get());
  return std::make_shared<const TlsCertificate>(std::string(), std::move(certificate),
                                                std::move(chain), std::move(key));
}

bool TlsCertificate::covers(const std::string& host) const {
  return X509_check_host(leaf_.get(), host.data(), host.size(), 0, nullptr) == 1;
}

bool TlsCertificate::spells_out(const std::string& host) const {
  return X509_check_host(leaf_.get(), host.data(), host.size(), X509_CHECK_FLAG_NO_WILDCARDS,
                         nullptr) == 1;
}

bool TlsCertificate::lists(const std::string& host) const {
  return X509_check_host(leaf_.get(), host.data(), host.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

bool TlsCertificate::shares_a_name_with(const TlsCertificate& other) const {
  return std::ranges::any_of(names(),
                             [&other](const std::string& name) { return other.covers(name); });
}

std::vector<std::string> TlsCertificate::names() const {
  std::vector<std::string> found;
  auto* alternatives = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(leaf_.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type != GEN_DNS) continue;
    const ByteView text(ASN1_STRING_get0_data(name->d.dNSName),
                        static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    found.emplace_back(as_text(text));
  }
  GENERAL_NAMES_free(alternatives);
  if (found.empty()) found = common_names(leaf_.get());
  return found;
}

Result<bool, std::string> certificate_file_names(const std::string& path, const std::string& host) {
  std::vector<FileStamp> stamps;
  const auto text = read_tls_file(path, stamps);
  if (!text) return unexpected(text.error());
  const auto certificates = parse_certificates(path, *text);
  if (!certificates) return unexpected(certificates.error());
  return X509_check_host(certificates->leaf.get(), host.data(), host.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

int TlsCertificate::key_type() const {
  return EVP_PKEY_get_base_id(key_.get());
}

WallTime TlsCertificate::not_after() const {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf_.get()), &parts) != 1) return {};
  return WallTime(seconds(::timegm(&parts)));
}

}  // namespace turnpike::net
