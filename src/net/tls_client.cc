#include "net/tls_client.h"

#include <array>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/endpoint.h"

namespace turnpike::net {
namespace {

std::string openssl_reason() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "the connection broke off";
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

SslContextPtr make_context(const SSL_METHOD* method, const TlsClientSettings& settings) {
  SslContextPtr context(SSL_CTX_new(method));
  if (!context) return nullptr;
  if (settings.verify == TlsVerify::by_system) {
    if (SSL_CTX_set_default_verify_paths(context.get()) != 1) return nullptr;
    if (!settings.ca_file.empty() &&
        SSL_CTX_load_verify_file(context.get(), settings.ca_file.c_str()) != 1) {
      return nullptr;
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!settings.certificate_file.empty()) {
    const std::string& key =
        settings.key_file.empty() ? settings.certificate_file : settings.key_file;
    if (SSL_CTX_use_certificate_chain_file(context.get(), settings.certificate_file.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
      return nullptr;
    }
  }
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

void name_host(SSL* ssl, const std::string& host) {
  if (Ip::parse(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    return;
  }
  std::string writable = host;  // OpenSSL copies it.
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, writable.data());
  SSL_set1_host(ssl, host.c_str());
}

void take_output(SSL* ssl, std::vector<uint8_t>& out) {
  BIO* bio = SSL_get_wbio(ssl);
  const size_t size = BIO_ctrl_pending(bio);
  if (size == 0) return;
  const size_t before = out.size();
  out.resize(before + size);
  CHECK(BIO_read(bio, out.data() + before, static_cast<int>(size)) == static_cast<int>(size));
}

// What a handshake that could not go on means for the channel.
TlsState state_after(SSL* ssl, int result, std::string& failure) {
  const int error = SSL_get_error(ssl, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return TlsState::handshaking;
  failure = openssl_reason();
  const long verified = SSL_get_verify_result(ssl);
  if (verified != X509_V_OK) failure = X509_verify_cert_error_string(verified);
  return TlsState::failed;
}

}  // namespace

Result<std::shared_ptr<const TlsClientContext>, std::string> TlsClientContext::make(
    TlsVerify verify) {
  return make(TlsClientSettings{.verify = verify});
}

Result<std::shared_ptr<const TlsClientContext>, std::string> TlsClientContext::make(
    const TlsClientSettings& settings) {
  ERR_clear_error();
  auto tls = make_context(TLS_client_method(), settings);
  auto dtls = make_context(DTLS_client_method(), settings);
  if (!tls || !dtls) return unexpected(openssl_reason());
  return std::make_shared<const TlsClientContext>(std::move(tls), std::move(dtls));
}

TlsClientChannel::TlsClientChannel(std::shared_ptr<const TlsClientContext> context,
                                   const std::string& host, std::vector<uint8_t>& out)
    : context_(std::move(context)), ssl_(SSL_new(context_->tls())) {
  CHECK(ssl_ != nullptr);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl_.get());
  name_host(ssl_.get(), host);
  shake_hands();
  take_output(ssl_.get(), out);
}

void TlsClientChannel::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  state_ = result == 1 ? TlsState::open : state_after(ssl_.get(), result, failure_);
}

ByteView TlsClientChannel::feed(ByteView& ciphertext, ByteSpan room, std::vector<uint8_t>& out) {
  if (state_ == TlsState::closed || state_ == TlsState::failed) {
    ciphertext = {};
    return {};
  }
  if (!ciphertext.empty()) {
    BIO_write(SSL_get_rbio(ssl_.get()), ciphertext.data(), static_cast<int>(ciphertext.size()));
    ciphertext = {};
  }
  if (state_ == TlsState::handshaking) shake_hands();
  ByteView plaintext;
  if (state_ == TlsState::open) {
    ERR_clear_error();
    const int size = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
    if (size > 0) {
      plaintext = room.first(static_cast<size_t>(size));
    } else if (SSL_get_error(ssl_.get(), size) == SSL_ERROR_ZERO_RETURN) {
      state_ = TlsState::closed;
    } else if (SSL_get_error(ssl_.get(), size) != SSL_ERROR_WANT_READ) {
      failure_ = openssl_reason();
      state_ = TlsState::failed;
    }
  }
  take_output(ssl_.get(), out);
  return plaintext;
}

bool TlsClientChannel::write(ByteView plaintext, std::vector<uint8_t>& out) {
  if (state_ != TlsState::open) return false;
  ERR_clear_error();
  // Into memory, so all of it goes at once.
  const int size = static_cast<int>(plaintext.size());
  const bool whole = SSL_write(ssl_.get(), plaintext.data(), size) == size;
  take_output(ssl_.get(), out);
  return whole;
}

DtlsClientChannel::DtlsClientChannel(std::shared_ptr<const TlsClientContext> context,
                                     const std::string& host, DatagramList& out)
    : context_(std::move(context)), ssl_(SSL_new(context_->dtls())) {
  CHECK(ssl_ != nullptr);
  BIO* bio = make_datagram_bio();
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_connect_state(ssl_.get());
  SSL_set_mtu(ssl_.get(), kDtlsHandshakeMtu);
  name_host(ssl_.get(), host);
  const DatagramCall call(ssl_.get(), {}, out);
  shake_hands();
}

void DtlsClientChannel::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  state_ = result == 1 ? TlsState::open : state_after(ssl_.get(), result, failure_);
}

ByteView DtlsClientChannel::feed(ByteView& datagram, ByteSpan room, DatagramList& out) {
  const DatagramCall call(ssl_.get(), datagram, out);
  datagram = {};
  if (state_ == TlsState::handshaking) shake_hands();
  if (state_ != TlsState::open) return {};
  ERR_clear_error();
  const int size = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
  if (size > 0) return room.first(static_cast<size_t>(size));
  if (SSL_get_error(ssl_.get(), size) == SSL_ERROR_ZERO_RETURN) state_ = TlsState::closed;
  return {};
}

bool DtlsClientChannel::write(ByteView plaintext, DatagramList& out) {
  if (state_ != TlsState::open) return false;
  const DatagramCall call(ssl_.get(), {}, out);
  ERR_clear_error();
  const int size = static_cast<int>(plaintext.size());
  return SSL_write(ssl_.get(), plaintext.data(), size) == size;
}

void DtlsClientChannel::on_time(DatagramList& out) {
  if (state_ != TlsState::handshaking) return;
  const DatagramCall call(ssl_.get(), {}, out);
  ERR_clear_error();
  static_cast<void>(DTLSv1_handle_timeout(ssl_.get()));
}

}  // namespace turnpike::net
