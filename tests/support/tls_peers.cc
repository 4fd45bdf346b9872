#include "support/tls_peers.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/check.h"

namespace turnpike::testing {
namespace {

net::EvpPkeyPtr make_key(KeyKind kind) {
  return net::EvpPkeyPtr(kind == KeyKind::rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

// Microseconds; OpenSSL asks with zero when a flight has been sent.
unsigned int time_out_once(SSL* /*ssl*/, unsigned int last) {
  return last == 0 ? 1 : ~0U;
}
unsigned int time_out_never(SSL* /*ssl*/, unsigned int /*last*/) {
  return ~0U;
}

// Making a context takes longer than a handshake, so one without a set-up is made once.
SSL_CTX* plain_context(const SSL_METHOD* method) {
  static const net::SslContextPtr tls(SSL_CTX_new(TLS_client_method()));
  static const net::SslContextPtr dtls(SSL_CTX_new(DTLS_client_method()));
  return method == TLS_client_method() ? tls.get() : dtls.get();
}

net::SslPtr make_client(const SSL_METHOD* method, const std::function<void(SSL_CTX*)>& setup) {
  net::SslPtr ssl;
  if (setup) {
    const net::SslContextPtr context(SSL_CTX_new(method));
    setup(context.get());
    ssl.reset(SSL_new(context.get()));
  } else {
    ssl.reset(SSL_new(plain_context(method)));
  }
  CHECK(ssl != nullptr);
  SSL_set_options(ssl.get(), SSL_OP_NO_QUERY_MTU);
  return ssl;
}

}  // namespace

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "turnpike-test-XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary | std::ios::trunc) << text;
  return path(name);
}

Identity Identity::make(const std::string& name, KeyKind kind, const Identity* issuer) {
  static long serial = 0;
  Identity made;
  made.key = make_key(kind);
  made.certificate.reset(X509_new());
  X509* certificate = made.certificate.get();
  CHECK(made.key != nullptr && certificate != nullptr);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* subject = X509_get_subject_name(certificate);
  const ByteView common_name = as_bytes(name);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, common_name.data(),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_issuer_name(
      certificate, issuer == nullptr ? subject : X509_get_subject_name(issuer->certificate.get()));
  add_extension(certificate, NID_subject_alt_name, "DNS:" + name);
  if (issuer == nullptr) add_extension(certificate, NID_basic_constraints, "CA:TRUE");
  CHECK(X509_sign(certificate, issuer == nullptr ? made.key.get() : issuer->key.get(),
                  EVP_sha256()) > 0);

  const net::BioPtr certificate_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), certificate);
  made.certificate_pem = text_of(certificate_text.get());
  const net::BioPtr key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_text.get(), made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  made.key_pem = text_of(key_text.get());
  return made;
}

net::TlsCertificateFiles Identity::save(const TempDir& dir, const std::string& name) const {
  return {.certificate = dir.write(name + ".crt", certificate_pem),
          .private_key = dir.write(name + ".key", key_pem),
          .password = {}};
}

std::shared_ptr<const net::TlsContext> shared_context() {
  static const auto context = net::TlsContext::make({}, nullptr).value();
  return context;
}

ByteSpan plaintext_room() {
  static std::array<uint8_t, net::kTlsPlaintextMax> room;
  return room;
}

TlsClient::TlsClient(const std::function<void(SSL_CTX*)>& setup)
    : ssl_(make_client(TLS_client_method(), setup)) {
  in_ = BIO_new(BIO_s_mem());
  out_ = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl_.get(), in_, out_);
  SSL_set_connect_state(ssl_.get());
}

void TlsClient::ask_for(const std::string& host) {
  std::string writable = host;  // OpenSSL copies it.
  CHECK(SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 writable.data()) == 1);
}

std::vector<uint8_t> TlsClient::take_output() {
  std::vector<uint8_t> bytes(BIO_ctrl_pending(out_));
  if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

void TlsClient::give(ByteView ciphertext) {
  if (!ciphertext.empty()) {
    BIO_write(in_, ciphertext.data(), static_cast<int>(ciphertext.size()));
  }
}

std::string TlsClient::talk(net::TlsChannel& server, size_t piece) {
  std::string received;
  for (bool busy = true; busy;) {
    if (!is_open()) {
      ERR_clear_error();
      SSL_do_handshake(ssl_.get());
    }
    const std::vector<uint8_t> sent = take_output();
    std::vector<uint8_t> answer;
    ByteView rest = sent;
    while (!rest.empty()) {
      ByteView part = rest.first(std::min(piece, rest.size()));
      rest = rest.subspan(part.size());
      for (;;) {
        const ByteView plaintext = server.feed(part, plaintext_room(), answer);
        if (plaintext.empty()) break;
        received += as_text(plaintext);
      }
      CHECK(part.empty());
    }
    give(answer);
    busy = !sent.empty() || !answer.empty();
  }
  return received;
}

void TlsClient::write(const std::string& text) {
  CHECK(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
        static_cast<int>(text.size()));
}

std::string TlsClient::read() {
  std::string text;
  std::array<char, 4096> chunk{};
  ERR_clear_error();
  for (;;) {
    const int size = SSL_read(ssl_.get(), chunk.data(), static_cast<int>(chunk.size()));
    if (size <= 0) return text;
    text.append(chunk.data(), static_cast<size_t>(size));
  }
}

std::string TlsClient::server_name() const {
  const net::X509Ptr certificate(SSL_get1_peer_certificate(ssl_.get()));
  if (!certificate) return {};
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
}

net::SslSessionPtr TlsClient::end_session() {
  // OpenSSL forgets the session of a connection that has not been shut down.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return net::SslSessionPtr(SSL_get1_session(ssl_.get()));
}

DtlsClient::DtlsClient(const std::function<void(SSL_CTX*)>& setup, ClientFlights flights)
    : ssl_(make_client(DTLS_client_method(), setup)) {
  BIO* bio = net::make_datagram_bio();
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_connect_state(ssl_.get());
  SSL_set_mtu(ssl_.get(), net::kDtlsHandshakeMtu);
  DTLS_set_timer_cb(ssl_.get(), flights == ClientFlights::doubled ? time_out_once : time_out_never);
}

std::string DtlsClient::step(ByteView datagram, net::DatagramList& out) {
  const net::DatagramCall call(ssl_.get(), datagram, out);
  if (!is_open() && SSL_do_handshake(ssl_.get()) != 1) return {};
  std::array<char, net::kTlsPlaintextMax> chunk{};
  const int size = SSL_read(ssl_.get(), chunk.data(), static_cast<int>(chunk.size()));
  return size > 0 ? std::string(chunk.data(), static_cast<size_t>(size)) : std::string();
}

void DtlsClient::write(const std::string& text, net::DatagramList& out) {
  CHECK(try_write(text, out));
}

bool DtlsClient::try_write(const std::string& text, net::DatagramList& out) {
  const net::DatagramCall call(ssl_.get(), {}, out);
  return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
         static_cast<int>(text.size());
}

net::SslSessionPtr DtlsClient::end_session() {
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return net::SslSessionPtr(SSL_get1_session(ssl_.get()));
}

}  // namespace turnpike::testing
