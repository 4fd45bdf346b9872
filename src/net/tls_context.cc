#include "net/tls_context.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/random.h"

namespace turnpike::net {
namespace {

// Forward secrecy and authenticated encryption only. The order is the client's to choose: it knows
// whether it has AES in hardware.
constexpr const char* kDefaultCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:!PSK";

// A ticket outlives a phone's change of network, not the ticket keys.
constexpr long kTicketLifetimeSeconds = 2L * 60 * 60;

// The longest handshake message other than a ClientHello, in other words a client's certificates.
constexpr long kHandshakeMessageMax = 16 * 1024;

// RFC 7443 section 4: the names, each with its length in front, the one we like better first.
constexpr std::string_view kAlpnNames = "\x09stun.turn\x12stun.nat-discovery";

// Deviation: RFC 7301 section 3.2 wants a fatal alert when a client offers only protocols that we
// don't have. We go on without one, as other TURN servers do: clients offer http/1.1 to look like
// a browser to a firewall. It opens no cross-protocol attack, since a first byte that isn't STUN's
// or ChannelData's ends the connection and nothing of it is ever sent back.
// (TlsContextTest.GoesOnWithoutAlpnWhenNoOfferIsKnown)
int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void* /*unused*/) {
  const ByteView ours = as_bytes(kAlpnNames);
  unsigned char* found = nullptr;
  const int result =
      SSL_select_next_proto(&found, chosen_size, ours.data(),
                            static_cast<unsigned int>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

struct CipherNames {
  std::string tls12;
  std::string tls13;
};

CipherNames split_ciphers(std::string_view list) {
  CipherNames names;
  while (!list.empty()) {
    const size_t end = std::min(list.find_first_of(": ,"), list.size());
    const std::string_view name = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    if (name.empty()) continue;
    std::string& into = name.starts_with("TLS_") ? names.tls13 : names.tls12;
    if (!into.empty()) into += ':';
    into += name;
  }
  return names;
}

bool use_on(SSL_CTX* context, const TlsCertificate& certificate) {
  return SSL_CTX_use_cert_and_key(context, certificate.leaf(), certificate.key(),
                                  certificate.chain(), 1) == 1;
}

bool use_on(SSL* ssl, const TlsCertificate& certificate) {
  return SSL_use_cert_and_key(ssl, certificate.leaf(), certificate.key(), certificate.chain(), 1) ==
         1;
}

// A ticket stands for the checks made when it was issued: with other demands on clients, it must
// not be worth anything. OpenSSL compares this text.
void bind_sessions_to(SSL_CTX* context, const std::string& ca_text) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> id{};
  const ByteView text = as_bytes(ca_text);
  SHA256(text.data(), text.size(), id.data());
  CHECK(SSL_CTX_set_session_id_context(context, id.data(), id.size()) == 1);
}

void set_fixed_options(SSL_CTX* context) {
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_QUERY_MTU);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Sessions live in tickets, so nothing is kept for a client that has gone. One is enough: TURN
  // clients don't open several connections at once.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_timeout(context, kTicketLifetimeSeconds);
  SSL_CTX_set_max_cert_list(context, kHandshakeMessageMax);
  // For a cipher list that asks for DHE.
  SSL_CTX_set_dh_auto(context, 1);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
}

bool set_versions(SSL_CTX* context, TlsMinimum minimum) {
  if (SSL_CTX_get_ssl_method(context) == DTLS_server_method()) {
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1;
  }
  const int lowest = minimum == TlsMinimum::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  return SSL_CTX_set_min_proto_version(context, lowest) == 1;
}

std::string with_reason(const std::string& what) {
  return what + ": " + std::string(take_openssl_reason());
}

void set_ciphers(SSL_CTX* context, const TlsSettings& settings,
                 std::vector<std::string>& problems) {
  const CipherNames names = split_ciphers(settings.cipher_list);
  const char* tls12 = names.tls12.empty() ? kDefaultCiphers : names.tls12.c_str();
  if (SSL_CTX_set_cipher_list(context, tls12) != 1 ||
      (!names.tls13.empty() && SSL_CTX_set_ciphersuites(context, names.tls13.c_str()) != 1)) {
    problems.push_back(with_reason("cipher-list " + settings.cipher_list));
  }
  if (!settings.groups.empty() && SSL_CTX_set1_groups_list(context, settings.groups.c_str()) != 1) {
    problems.push_back(with_reason("ec-curve-name " + settings.groups));
  }
}

void demand_client_certificates(SSL_CTX* context, const std::string& path,
                                const std::string& ca_text, std::vector<std::string>& problems) {
  const BioPtr reader(BIO_new_mem_buf(ca_text.data(), static_cast<int>(ca_text.size())));
  CHECK(reader != nullptr);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  size_t count = 0;
  while (const X509Ptr ca{PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)}) {
    CHECK(X509_STORE_add_cert(store, ca.get()) == 1);
    CHECK(SSL_CTX_add_client_CA(context, ca.get()) == 1);
    ++count;
  }
  // "No start line" is how the end of a file looks that has been read to the end.
  const bool damaged = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
  if (count == 0 || damaged) problems.push_back(with_reason("CA-file " + path));
  ERR_clear_error();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

using CertificatePtr = std::shared_ptr<const TlsCertificate>;

void add_if_new_type(std::vector<CertificatePtr>& list, const CertificatePtr& candidate) {
  const bool taken = std::ranges::any_of(list, [&candidate](const CertificatePtr& present) {
    return present->key_type() == candidate->key_type();
  });
  if (!taken) list.push_back(candidate);
}

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) {
    if (!text.empty()) text += "; ";
    text += problem;
  }
  return text;
}

}  // namespace

std::vector<FileStamp> stamps_of(const TlsSettings& settings) {
  std::vector<FileStamp> stamps;
  const auto add = [&stamps](const std::string& path) {
    if (!path.empty()) stamps.push_back(FileStamp::take(path));
  };
  for (const TlsCertificateFiles& files : settings.certificates) {
    add(files.certificate);
    add(files.private_key);
  }
  add(settings.ca_file);
  return stamps;
}

Result<std::shared_ptr<const TlsContext>, std::string> TlsContext::make(
    const TlsSettings& settings, const TlsContext* previous) {
  auto made = std::make_shared<TlsContext>(Private());
  made->settings_ = settings;
  made->ticket_keys_ = previous != nullptr ? previous->ticket_keys_ : TicketKeys::make();
  made->cookie_key_ =
      previous != nullptr ? previous->cookie_key_ : RandomSource().bytes<DtlsCookieKey().size()>();
  std::vector<std::string> problems;
  made->load_files(problems);
  if (settings.certificates.empty()) {
    const bool keep = previous != nullptr && previous->self_signed();
    made->certificates_.push_back(keep ? previous->certificates_.front()
                                       : TlsCertificate::make_self_signed());
  }
  if (problems.empty()) made->build(problems);
  if (!problems.empty()) return unexpected(joined(problems));
  return std::shared_ptr<const TlsContext>(std::move(made));
}

std::shared_ptr<const TlsContext> TlsContext::with_new_ticket_key() const {
  auto made = std::make_shared<TlsContext>(Private());
  made->settings_ = settings_;
  made->stamps_ = stamps_;
  made->certificates_ = certificates_;
  made->ca_text_ = ca_text_;
  made->ticket_keys_ = ticket_keys_.renewed();
  made->cookie_key_ = cookie_key_;
  std::vector<std::string> problems;
  made->build(problems);
  CHECK(problems.empty());  // It is what was built before.
  return made;
}

bool TlsContext::files_changed() const {
  return !std::ranges::all_of(stamps_, &FileStamp::still_true);
}

void TlsContext::load_files(Problems& problems) {
  for (const TlsCertificateFiles& files : settings_.certificates) {
    auto certificate = TlsCertificate::load(files, stamps_);
    if (certificate) {
      certificates_.push_back(std::move(*certificate));
    } else {
      problems.push_back(std::move(certificate.error()));
    }
  }
  if (settings_.ca_file.empty()) return;
  auto text = read_tls_file(settings_.ca_file, stamps_);
  if (text) {
    ca_text_ = std::move(*text);
  } else {
    problems.push_back(std::move(text.error()));
  }
}

void TlsContext::build(Problems& problems) {
  tls_ = build_one(TLS_server_method(), problems);
  // What is wrong with one is wrong with the other; once is enough to say it.
  if (!problems.empty() || settings_.minimum == TlsMinimum::tls1_3) return;
  dtls_ = build_one(DTLS_server_method(), problems);
}

SslContextPtr TlsContext::build_one(const SSL_METHOD* method, Problems& problems) const {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(method));
  CHECK(context != nullptr);
  set_fixed_options(context.get());
  CHECK(set_versions(context.get(), settings_.minimum));
  use_ticket_keys(context.get(), ticket_keys_);
  bind_sessions_to(context.get(), ca_text_);
  SSL_CTX_set_cookie_generate_cb(context.get(), generate_dtls_cookie);
  SSL_CTX_set_cookie_verify_cb(context.get(), verify_dtls_cookie);
  set_ciphers(context.get(), settings_, problems);
  set_certificates(context.get(), problems);
  if (!settings_.ca_file.empty()) {
    demand_client_certificates(context.get(), settings_.ca_file, ca_text_, problems);
  }
  return context;
}

void TlsContext::set_certificates(SSL_CTX* context, Problems& problems) const {
  // Those that are chosen by name are tried here, so that one which OpenSSL's security level
  // refuses is found now and not by a client.
  const SslContextPtr scratch(SSL_CTX_new(SSL_CTX_get_ssl_method(context)));
  CHECK(scratch != nullptr);
  for (const auto& certificate : certificates_) {
    if (!use_on(scratch.get(), *certificate)) {
      problems.push_back(with_reason(certificate->path()));
    }
  }
  if (!problems.empty()) return;
  for (const auto& certificate : default_certificates()) {
    CHECK(use_on(context, *certificate));
  }
  if (certificates_.size() == 1) return;
  // OpenSSL keeps a void pointer; the callback only ever reads through it.
  SSL_CTX_set_cert_cb(context, choose_certificate, const_cast<TlsContext*>(this));
}

TlsContext::CertificateList TlsContext::default_certificates() const {
  CertificateList chosen = {certificates_.front()};
  for (const auto& candidate : certificates_) {
    if (chosen.front()->shares_a_name_with(*candidate)) add_if_new_type(chosen, candidate);
  }
  return chosen;
}

TlsContext::CertificateList TlsContext::certificates_for(const std::string& host) const {
  CertificateList chosen;
  // Who made a certificate for one host wants it to be shown there, whatever else would do.
  for (const auto& candidate : certificates_) {
    if (candidate->spells_out(host)) add_if_new_type(chosen, candidate);
  }
  for (const auto& candidate : certificates_) {
    if (candidate->covers(host)) add_if_new_type(chosen, candidate);
  }
  return chosen;
}

int TlsContext::choose_certificate(SSL* ssl, void* context) {
  const char* host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (host == nullptr) return 1;
  const CertificateList chosen = static_cast<const TlsContext*>(context)->certificates_for(host);
  // RFC 6066 section 3: an unknown name is no reason to end the handshake.
  if (chosen.empty()) return 1;
  SSL_certs_clear(ssl);
  const bool used = std::ranges::all_of(
      chosen, [ssl](const auto& certificate) { return use_on(ssl, *certificate); });
  return used ? 1 : 0;
}

}  // namespace turnpike::net
