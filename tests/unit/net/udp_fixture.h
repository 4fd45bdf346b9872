// Loopback sockets and a SocketDatagramIo, for tests of the I/O layer.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "net/clock.h"
#include "net/socket_datagram_io.h"

namespace turnpike::net::testing {

inline Ip loopback(IpFamily family) {
  return family == IpFamily::v4 ? *Ip::parse("127.0.0.1") : *Ip::parse("::1");
}

inline UdpSocket open_socket(const UdpOptions& options, const Ip& ip) {
  Result<UdpSocket, SysError> socket = open_udp_socket(options, {.ip = ip, .port = 0});
  EXPECT_TRUE(socket.has_value()) << socket.error().to_string();
  return std::move(*socket);
}

inline bool wait_readable(const UdpSocket& socket, int timeout_ms = 2000) {
  pollfd waiting{.fd = socket.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, timeout_ms) > 0;
}

// The bytes of one datagram, as text, so that failures can be read.
inline std::string text(ByteView bytes) {
  return std::string(as_text(bytes));
}

inline std::string numbered(size_t number, size_t size) {
  std::string out = std::to_string(number) + ":";
  out.resize(size, static_cast<char>('a' + number % 26));
  return out;
}

class UdpTest : public ::testing::Test {
 protected:
  // What waits at the socket, at least `count` datagrams if they come in time.
  std::vector<std::string> receive(UdpSocket& socket, size_t count, int timeout_ms = 2000) {
    std::vector<std::string> out;
    while (out.size() < count && wait_readable(socket, timeout_ms)) {
      for (const RxDatagram& datagram : io_.receive(socket, slab_)) {
        out.push_back(text(datagram.bytes));
      }
      slab_.reset();
    }
    return out;
  }

  // Copies the payload: the batch only borrows.
  void add(UdpSocket& socket, const Endpoint& to, const std::string& payload,
           const TxMarks& marks = {}) {
    batch_.add({.socket = &socket,
                .destination = to,
                .source = {},
                .header = {},
                .payload = as_bytes(payloads_.emplace_back(payload)),
                .marks = marks});
  }

  void add_in_two_pieces(UdpSocket& socket, const Endpoint& to, const std::string& header,
                         const std::string& payload) {
    batch_.add({.socket = &socket,
                .destination = to,
                .source = {},
                .header = as_bytes(payloads_.emplace_back(header)),
                .payload = as_bytes(payloads_.emplace_back(payload)),
                .marks = {}});
  }

  void send() {
    io_.send(batch_, now_);
    payloads_.clear();
  }

  const IoCounters& counters() { return io_.counters(); }

  Instant now_{std::chrono::hours(1)};
  SocketDatagramIo io_{HashKey{.k0 = 1, .k1 = 2}};
  TxBatch batch_{HashKey{.k0 = 3, .k1 = 4}};
  RxSlab slab_;
  std::deque<std::string> payloads_;
};

// The same over both families.
class UdpFamilyTest : public UdpTest, public ::testing::WithParamInterface<IpFamily> {
 protected:
  Ip ip() const { return loopback(GetParam()); }
};

inline std::string family_name(const ::testing::TestParamInfo<IpFamily>& info) {
  return info.param == IpFamily::v4 ? "v4" : "v6";
}

}  // namespace turnpike::net::testing
