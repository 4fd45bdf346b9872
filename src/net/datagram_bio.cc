#include "net/datagram_bio.h"

#include <algorithm>

#include <openssl/err.h>

#include "base/check.h"

namespace turnpike::net {

// The functions that OpenSSL calls.
struct DatagramBio {
  static int read(BIO* bio, char* out, int size) {
    BIO_clear_retry_flags(bio);
    auto* call = static_cast<DatagramCall*>(BIO_get_data(bio));
    if (call == nullptr || call->datagram_.empty() || size <= 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t taken = std::min(static_cast<size_t>(size), call->datagram_.size());
    std::copy_n(call->datagram_.begin(), taken, out);
    call->datagram_ = {};
    return static_cast<int>(taken);
  }

  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    auto* call = static_cast<DatagramCall*>(BIO_get_data(bio));
    if (call == nullptr || size <= 0) return -1;
    call->out_.push(as_bytes({data, static_cast<size_t>(size)}));
    return size;
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_DGRAM_QUERY_MTU:
      case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return kDtlsHandshakeMtu;
      // The rest is about sockets: peers, timeouts, the path's overhead. Peek mode, too, is
      // refused: the listener gives an accepted ClientHello a second time instead.
      default:
        return 0;
    }
  }

  static BIO_METHOD* make_method() {
    BIO_METHOD* method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "turnpike datagram");
    CHECK(method != nullptr && BIO_meth_set_read(method, read) == 1 &&
          BIO_meth_set_write(method, write) == 1 && BIO_meth_set_ctrl(method, control) == 1);
    return method;
  }
};

void DatagramList::push(ByteView datagram) {
  bytes_.insert(bytes_.end(), datagram.begin(), datagram.end());
  ends_.push_back(bytes_.size());
}

void DatagramList::clear() {
  bytes_.clear();
  ends_.clear();
}

ByteView DatagramList::operator[](size_t index) const {
  const size_t begin = index == 0 ? 0 : ends_[index - 1];
  return ByteView(bytes_).subspan(begin, ends_[index] - begin);
}

BIO* make_datagram_bio() {
  // Lives as long as the process, as connections may end at its very end.
  static const BIO_METHOD* const kMethod = DatagramBio::make_method();
  BIO* bio = BIO_new(kMethod);
  CHECK(bio != nullptr);
  BIO_set_init(bio, 1);
  return bio;
}

DatagramCall::DatagramCall(SSL* ssl, ByteView datagram, DatagramList& out)
    : bio_(SSL_get_rbio(ssl)), datagram_(datagram), out_(out) {
  // Errors that something else left on this thread must not be taken for ours.
  ERR_clear_error();
  BIO_set_data(bio_, this);
}

DatagramCall::~DatagramCall() {
  BIO_set_data(bio_, nullptr);
}

}  // namespace turnpike::net
