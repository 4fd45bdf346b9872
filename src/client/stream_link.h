// The stream half of server_link.h: TCP, and TLS over it.
#pragma once

#include <optional>
#include <vector>

#include "client/server_link.h"
#include "net/fd.h"
#include "stun/stream_framer.h"

namespace turnpike::client {

class StreamLink final : public ServerLink {
 public:
  // `fd` is on its way to the server. `address` is null for plain TCP.
  StreamLink(net::Fd fd, const ServerAddress* address, net::EventLoop& loop,
             net::IoCounters* counters, Handlers handlers);
  ~StreamLink() override;

  void send(ByteView packet) override;
  void flush() override;
  [[nodiscard]] Endpoint local() const override;
  void reset_on_close() override { resets_ = true; }

 private:
  void want_writable();
  void on_writable();
  void on_readable();
  void take_ciphertext(ByteView bytes);
  void take_plaintext(ByteView bytes);
  void stop(Failure failure, const std::string& text);

  net::EventLoop& loop_;
  net::Fd fd_;
  std::optional<net::TlsClientChannel> tls_;
  stun::StreamFramer framer_;
  std::vector<uint8_t> plaintext_;  // Not encrypted yet.
  std::vector<uint8_t> queue_;
  bool connected_ = false;
  bool resets_ = false;
  // After the descriptor: they go first.
  net::Watch readable_;
  net::Watch writable_;  // Set while the kernel takes nothing.
};

}  // namespace turnpike::client
