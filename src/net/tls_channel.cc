#include "net/tls_channel.h"

#include <algorithm>
#include <utility>

#include <openssl/err.h>

#include "base/check.h"
#include "base/wire.h"

namespace turnpike::net {
namespace {

// What the BIO works on; it exists only during one call of the channel.
struct StreamPipe {
  ByteView& in;
  std::vector<uint8_t>& out;
};

int read_stream(BIO* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  auto* pipe = static_cast<StreamPipe*>(BIO_get_data(bio));
  if (pipe == nullptr || pipe->in.empty() || size <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t taken = std::min(static_cast<size_t>(size), pipe->in.size());
  std::copy_n(pipe->in.begin(), taken, out);
  pipe->in = pipe->in.subspan(taken);
  return static_cast<int>(taken);
}

int write_stream(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  auto* pipe = static_cast<StreamPipe*>(BIO_get_data(bio));
  if (pipe == nullptr || size <= 0) return -1;
  pipe->out.insert(pipe->out.end(), data, data + size);
  return size;
}

long control_stream(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_stream_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "turnpike stream");
  CHECK(method != nullptr && BIO_meth_set_read(method, read_stream) == 1 &&
        BIO_meth_set_write(method, write_stream) == 1 &&
        BIO_meth_set_ctrl(method, control_stream) == 1);
  return method;
}

BIO* make_stream_bio() {
  // Lives as long as the process, as connections may end at its very end.
  static const BIO_METHOD* const method = make_stream_method();
  BIO* bio = BIO_new(method);
  CHECK(bio != nullptr);
  BIO_set_init(bio, 1);
  return bio;
}

// Lends the pipe to the connection's BIO.
class Attached {
 public:
  Attached(SSL* ssl, StreamPipe& pipe) : bio_(SSL_get_rbio(ssl)) {
    // Errors that something else left on this thread must not be taken for ours.
    ERR_clear_error();
    BIO_set_data(bio_, &pipe);
  }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;
  ~Attached() { BIO_set_data(bio_, nullptr); }

 private:
  BIO* bio_;
};

// RFC 8446 section 5.1: type, version, length.
constexpr size_t kRecordHeaderSize = 5;
constexpr uint8_t kHandshakeRecord = 22;
// RFC 8446 section 4: type, length.
constexpr size_t kHandshakeHeaderSize = 4;

// Moves bytes from `from` to `to` until that has `size`; false when they run out.
bool fill(std::vector<uint8_t>& to, ByteView& from, size_t size) {
  if (to.size() >= size) return true;
  const size_t count = std::min(size - to.size(), from.size());
  to.insert(to.end(), from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
  from = from.subspan(count);
  return to.size() == size;
}

SslPtr make_ssl(SSL_CTX* context) {
  SslPtr ssl(SSL_new(context));
  CHECK(ssl != nullptr);
  BIO* bio = make_stream_bio();
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace

TlsChannel::TlsChannel(std::shared_ptr<const TlsContext> context) : context_(std::move(context)) {}

ByteView TlsChannel::feed(ByteView& ciphertext, ByteSpan room, std::vector<uint8_t>& out) {
  DCHECK(room.size() >= kTlsPlaintextMax);
  ByteView plaintext;
  if (ssl_ == nullptr && state_ == TlsState::handshaking) collect_hello(ciphertext);
  if (ssl_ != nullptr && state_ == TlsState::handshaking) shake_hands(ciphertext, out);
  // What comes after the end has no meaning.
  if (received_end_) ciphertext = {};
  // OpenSSL takes one record at a time, so without ciphertext all that it may have is the rest of
  // one. To ask it in vain for each record that was taken would cost more than to know.
  const bool may_have_more =
      !ciphertext.empty() || (ssl_ != nullptr && SSL_pending(ssl_.get()) > 0);
  if (state_ == TlsState::open && !received_end_ && may_have_more) {
    StreamPipe pipe{ciphertext, out};
    const Attached attached(ssl_.get(), pipe);
    size_t size = 0;
    const int result = SSL_read_ex(ssl_.get(), room.data(), room.size(), &size);
    if (result == 1) {
      plaintext = room.first(size);
    } else {
      fail_or_wait(result, out);
    }
  }
  if (state_ == TlsState::closed || state_ == TlsState::failed) ciphertext = {};
  return plaintext;
}

void TlsChannel::collect_hello(ByteView& ciphertext) {
  if (!fill(hello_, ciphertext, 1)) return;
  if (hello_.front() != kHandshakeRecord) return fail("not TLS");
  if (!fill(hello_, ciphertext, kRecordHeaderSize)) return;
  WireReader record(hello_);
  record.skip(kRecordHeaderSize - 2);
  const size_t record_size = record.u16();
  // A header in pieces would hide the size below, and no client sends that.
  if (record_size < kHandshakeHeaderSize) return fail("first record too short");
  if (record_size > kTlsPlaintextMax) return fail("first record too long");
  if (!fill(hello_, ciphertext, kRecordHeaderSize + kHandshakeHeaderSize)) return;
  WireReader hello(ByteView(hello_).subspan(kRecordHeaderSize));
  const size_t hello_size = hello.u32() & 0x00ff'ffff;
  if (hello_size > kClientHelloMax) return fail("ClientHello too long");
  if (fill(hello_, ciphertext, kRecordHeaderSize + record_size)) ssl_ = make_ssl(context_->tls());
}

void TlsChannel::shake_hands(ByteView& ciphertext, std::vector<uint8_t>& out) {
  // What was collected comes before what follows it.
  const std::vector<uint8_t> collected = std::exchange(hello_, {});
  ByteView hello(collected);
  for (ByteView* input : {&hello, &ciphertext}) {
    if (input->empty()) continue;
    StreamPipe pipe{*input, out};
    const Attached attached(ssl_.get(), pipe);
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) state_ = TlsState::open;
    if (result != 1) fail_or_wait(result, out);
    if (state_ != TlsState::handshaking) return;
  }
}

bool TlsChannel::write(ByteView plaintext, std::vector<uint8_t>& out) {
  if (state_ != TlsState::open) return false;
  if (plaintext.empty()) return true;
  ByteView nothing;
  StreamPipe pipe{nothing, out};
  const Attached attached(ssl_.get(), pipe);
  size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written);
  if (result == 1 && written == plaintext.size()) return true;
  // The BIO takes everything, so this is no matter of waiting.
  fail(take_openssl_reason());
  return false;
}

void TlsChannel::end_writing(std::vector<uint8_t>& out) {
  if (state_ != TlsState::open) return;
  ByteView nothing;
  StreamPipe pipe{nothing, out};
  const Attached attached(ssl_.get(), pipe);
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool TlsChannel::holds_part() const {
  if (state_ != TlsState::open) return false;
  // Between a record's head and its first byte nothing is pending; then "read body" is the state.
  return SSL_has_pending(ssl_.get()) == 1 ||
         std::string_view(SSL_rstate_string(ssl_.get())) == "RB";
}

void TlsChannel::close(std::vector<uint8_t>& out) {
  if (state_ == TlsState::open) {
    ByteView nothing;
    StreamPipe pipe{nothing, out};
    const Attached attached(ssl_.get(), pipe);
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  if (state_ != TlsState::failed) state_ = TlsState::closed;
}

void TlsChannel::fail(std::string_view reason) {
  failure_ = reason;
  state_ = TlsState::failed;
  hello_ = {};
}

void TlsChannel::fail_or_wait(int result, std::vector<uint8_t>& out) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return;
    // The other side's close_notify, which is answered with ours (RFC 8446 section 6.1).
    case SSL_ERROR_ZERO_RETURN:
      received_end_ = true;
      return ends_apart_ ? void() : close(out);
    default:
      return fail(take_openssl_reason());
  }
}

std::string_view TlsChannel::version() const {
  return state_ == TlsState::open ? SSL_get_version(ssl_.get()) : "";
}

std::string_view TlsChannel::cipher() const {
  return state_ == TlsState::open ? SSL_get_cipher_name(ssl_.get()) : "";
}

std::string_view TlsChannel::protocol() const {
  if (ssl_ == nullptr) return {};
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return as_text({name, size});
}

bool TlsChannel::resumed() const {
  return ssl_ != nullptr && SSL_session_reused(ssl_.get()) == 1;
}

}  // namespace turnpike::net
