#include "net/dtls_channel.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <openssl/err.h>

#include "base/check.h"
#include "base/wire.h"

namespace turnpike::net {
namespace {

// RFC 6347 section 4.1.
enum class RecordType : uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
};

struct Record {
  RecordType type;
  uint16_t epoch;
  ByteView body;
};

// The next record of a datagram; nothing when there is none or it is not one.
std::optional<Record> read_record(WireReader& reader) {
  constexpr uint8_t kFirstType = 20;
  constexpr uint8_t kLastType = 23;
  constexpr uint8_t kMajorVersion = 0xfe;
  const uint8_t type = reader.u8();
  const uint16_t version = reader.u16();
  const uint16_t epoch = reader.u16();
  reader.skip(6);
  const uint16_t size = reader.u16();
  const ByteView body = reader.bytes(size);
  if (!reader.ok() || version >> 8 != kMajorVersion) return {};
  if (type < kFirstType || type > kLastType) return {};
  return Record{static_cast<RecordType>(type), epoch, body};
}

// The client's random of a datagram that begins with an unprotected ClientHello in one piece.
std::optional<ByteView> hello_random_of(ByteView datagram) {
  constexpr uint8_t kClientHello = 1;
  WireReader records(datagram);
  const auto record = read_record(records);
  if (!record || record->type != RecordType::handshake || record->epoch != 0) return {};
  WireReader hello(record->body);
  if (hello.u8() != kClientHello) return {};
  hello.skip(3 + 2 + 3 + 3 + 2);  // Length, sequence, fragment offset and length, version.
  const ByteView random = hello.bytes(32);
  if (!hello.ok()) return {};
  return random;
}

// What a protected record has at least: explicit nonce and tag of an AEAD cipher (RFC 5288 section
// 3, RFC 6655 section 3, RFC 7905 section 2). Others are checked by OpenSSL itself.
uint8_t least_protected_size(const SSL* ssl) {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  if (cipher == nullptr || SSL_CIPHER_is_aead(cipher) == 0) return 0;
  const std::string_view name = SSL_CIPHER_get_name(cipher);
  return name.find("CHACHA20") != name.npos || name.ends_with("CCM8") ? 16 : 24;
}

// For OpenSSL's own timer: more than an hour, so that it never fires in a handshake. See the class
// comment.
unsigned int never(SSL* /*ssl*/, unsigned int /*last*/) {
  return std::numeric_limits<unsigned int>::max();
}

SslPtr make_spare(SSL_CTX* context) {
  SslPtr ssl(SSL_new(context));
  CHECK(ssl != nullptr);
  BIO* bio = make_datagram_bio();
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_accept_state(ssl.get());
  SSL_set_mtu(ssl.get(), kDtlsHandshakeMtu);
  DTLS_set_timer_cb(ssl.get(), never);
  return ssl;
}

// Answers a ClientHello without a valid cookie.
bool has_valid_cookie(SSL* ssl, ByteView datagram, DatagramList& out) {
  using BioAddressPtr = std::unique_ptr<BIO_ADDR, FreeWith<BIO_ADDR_free>>;
  const BioAddressPtr unused(BIO_ADDR_new());  // OpenSSL insists on telling it.
  CHECK(unused != nullptr);
  const DatagramCall call(ssl, datagram, out);
  const bool valid = DTLSv1_listen(ssl, unused.get()) == 1;
  ERR_clear_error();
  return valid;
}

}  // namespace

DtlsChannel::DtlsChannel(std::shared_ptr<const TlsContext> context, SslPtr ssl,
                         const HelloRandom& random)
    : context_(std::move(context)), ssl_(std::move(ssl)), hello_random_(random) {}

ByteView DtlsChannel::feed(ByteView& datagram, ByteSpan room, Instant now, DatagramList& out) {
  DCHECK(room.size() >= kTlsPlaintextMax);
  const ByteView given = std::exchange(datagram, {});
  if (state_ == TlsState::closed || state_ == TlsState::failed) return {};
  if (state_ == TlsState::handshaking && !passes_handshake_filter(given)) return {};
  if (state_ == TlsState::open && !passes_length_filter(given)) return {};
  take_buffers();
  const DatagramCall call(ssl_.get(), given, out);
  if (state_ == TlsState::handshaking) shake_hands(now, out);
  if (state_ != TlsState::open) return {};

  size_t size = 0;
  const int result = SSL_read_ex(ssl_.get(), room.data(), room.size(), &size);
  if (result == 1) return room.first(size);
  fail_or_wait(result);
  return {};
}

void DtlsChannel::shake_hands(Instant now, const DatagramList& out) {
  const size_t before = out.size();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    state_ = TlsState::open;
    least_protected_size_ = least_protected_size(ssl_.get());
    flight_.reset();
    return;
  }
  fail_or_wait(result);
  if (state_ == TlsState::handshaking && out.size() > before) remember_flight(now, out, before);
}

void DtlsChannel::remember_flight(Instant now, const DatagramList& out, size_t first) {
  flight_ = std::make_unique<Flight>();
  for (size_t i = first; i < out.size(); ++i) flight_->datagrams.push(out[i]);
  flight_->deadline = now + flight_->interval;
}

std::optional<Instant> DtlsChannel::deadline() const {
  if (flight_ == nullptr) return {};
  return flight_->deadline;
}

void DtlsChannel::on_deadline(Instant now, DatagramList& out) {
  if (flight_ == nullptr || now < flight_->deadline) return;
  for (size_t i = 0; i < flight_->datagrams.size(); ++i) out.push(flight_->datagrams[i]);
  // RFC 6347 section 4.2.4.1.
  flight_->interval = std::min<Duration>(2 * flight_->interval, kLastRetransmission);
  flight_->deadline = now + flight_->interval;
}

bool DtlsChannel::passes_handshake_filter(ByteView datagram) {
  // Records of the next epoch that come early are kept by OpenSSL, 17 KiB each. A client's own are
  // few: its Finished and copies of it.
  constexpr uint8_t kEarlyDatagramsMax = 8;
  // No cipher is agreed on yet. A Finished is longer with any of them.
  constexpr size_t kLeastEarlySize = 24;
  WireReader reader(datagram);
  bool early = false;
  while (const auto record = read_record(reader)) {
    if (record->epoch > 0) {
      if (record->body.size() < kLeastEarlySize) return false;
      early = true;
      continue;
    }
    // RFC 6347 section 4.1.2.7: an alert that nothing protects may be anybody's; a handshake that
    // really has failed ends by the owner's time-out.
    if (record->type == RecordType::alert) return false;
  }
  if (!early) return true;
  if (early_datagrams_ == kEarlyDatagramsMax) return false;
  ++early_datagrams_;
  return true;
}

bool DtlsChannel::passes_length_filter(ByteView datagram) const {
  // RFC 6347 section 4.1.2.7: an invalid record is dropped and the association goes on.
  // OpenSSL 3.0.19 ends it when the record is too short to hold what its cipher adds, and anybody
  // could send such a one.
  WireReader reader(datagram);
  while (const auto record = read_record(reader)) {
    if (record->epoch > 0 && record->body.size() < least_protected_size_) return false;
  }
  return true;
}

bool DtlsChannel::write(ByteView plaintext, DatagramList& out) {
  if (state_ != TlsState::open || plaintext.size() > kTlsPlaintextMax) return false;
  // OpenSSL has no record for nothing, and no TURN packet is empty.
  if (plaintext.empty()) return true;
  take_buffers();
  const DatagramCall call(ssl_.get(), {}, out);
  size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written);
  if (result == 1 && written == plaintext.size()) return true;
  fail(take_openssl_reason());
  return false;
}

void DtlsChannel::close(DatagramList& out) {
  if (state_ == TlsState::open) {
    take_buffers();
    const DatagramCall call(ssl_.get(), {}, out);
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  flight_.reset();
  if (state_ != TlsState::failed) state_ = TlsState::closed;
}

bool DtlsChannel::begins_anew(ByteView datagram) const {
  const auto random = hello_random_of(datagram);
  return random && !std::ranges::equal(*random, hello_random_);
}

void DtlsChannel::release_buffers() {
  if (state_ != TlsState::open || buffers_released_) return;
  buffers_released_ = SSL_free_buffers(ssl_.get()) == 1;
}

void DtlsChannel::take_buffers() {
  // OpenSSL's manual says that a write takes them again by itself. That is true of TLS; in DTLS
  // only a read does so, and a write crashes.
  if (std::exchange(buffers_released_, false)) CHECK(SSL_alloc_buffers(ssl_.get()) == 1);
}

void DtlsChannel::fail(std::string_view reason) {
  failure_ = reason;
  state_ = TlsState::failed;
  flight_.reset();
}

void DtlsChannel::fail_or_wait(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      SSL_shutdown(ssl_.get());
      ERR_clear_error();
      state_ = TlsState::closed;
      return;
    default:
      return fail(take_openssl_reason());
  }
}

std::string_view DtlsChannel::cipher() const {
  return state_ == TlsState::open ? SSL_get_cipher_name(ssl_.get()) : "";
}

std::string_view DtlsChannel::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return as_text({name, size});
}

bool DtlsChannel::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

bool is_session_data(ByteView datagram) {
  WireReader reader(datagram);
  const auto record = read_record(reader);
  return record && record->epoch > 0 &&
         (record->type == RecordType::application_data || record->type == RecordType::alert);
}

DtlsListener::DtlsListener(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), cookies_(context_->cookie_key()) {
  CHECK(context_->offers_dtls());
}

void DtlsListener::use(std::shared_ptr<const TlsContext> context) {
  CHECK(context->offers_dtls());
  spare_.reset();
  context_ = std::move(context);
  cookies_ = DtlsCookies(context_->cookie_key());
}

std::optional<DtlsChannel> DtlsListener::on_datagram(ByteView datagram, const Endpoint& client,
                                                     const Endpoint& server, Instant now,
                                                     DatagramList& out) {
  const auto random = hello_random_of(datagram);
  if (!random) return {};
  if (spare_ == nullptr) spare_ = make_spare(context_->dtls());
  DtlsCookieCall cookie_call{cookies_, client, server, now};
  set_dtls_cookie_call(spare_.get(), &cookie_call);
  if (!has_valid_cookie(spare_.get(), datagram, out)) {
    set_dtls_cookie_call(spare_.get(), nullptr);
    return {};
  }

  DtlsChannel::HelloRandom hello_random;
  std::ranges::copy(*random, hello_random.begin());
  DtlsChannel channel(context_, std::move(spare_), hello_random);
  {
    // Checking the cookie has used the ClientHello up, so the handshake is given it again.
    const DatagramCall call(channel.ssl_.get(), datagram, out);
    channel.shake_hands(now, out);
  }
  set_dtls_cookie_call(channel.ssl_.get(), nullptr);
  if (channel.state() == TlsState::failed) return {};
  return channel;
}

}  // namespace turnpike::net
