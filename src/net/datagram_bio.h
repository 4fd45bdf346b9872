// Lets OpenSSL's DTLS work on datagrams in memory: the current one in, a list out, no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "net/openssl_ptr.h"

namespace turnpike::net {

// The most that a handshake datagram carries. Below IPv6's minimum of 1280 with its headers, so no
// path fragments it.
constexpr long kDtlsHandshakeMtu = 1200;

// Datagrams in one buffer. A worker has one and clears it for each use, so that it stops allocating
// soon; OpenSSL's output goes there.
class DatagramList {
 public:
  void push(ByteView datagram);
  void clear();

  [[nodiscard]] size_t size() const { return ends_.size(); }
  [[nodiscard]] bool empty() const { return ends_.empty(); }
  // Valid until the next push() or clear().
  [[nodiscard]] ByteView operator[](size_t index) const;

 private:
  std::vector<uint8_t> bytes_;
  std::vector<size_t> ends_;
};

// A BIO that has nothing to read and nowhere to write but during the life of a DatagramCall. One
// for both directions of a connection, which owns it (SSL_set_bio).
BIO* make_datagram_bio();

// Lends a datagram and an output list to the BIO of `ssl`. The datagram is read once and whole; as
// from a socket, what does not fit into the reader's buffer is lost.
class DatagramCall {
 public:
  DatagramCall(SSL* ssl, ByteView datagram, DatagramList& out);
  DatagramCall(const DatagramCall&) = delete;
  DatagramCall& operator=(const DatagramCall&) = delete;
  ~DatagramCall();

 private:
  friend struct DatagramBio;

  BIO* bio_;
  ByteView datagram_;  // Empty once it has been read.
  DatagramList& out_;
};

}  // namespace turnpike::net
