// How a client reaches a server over UDP, TCP, TLS or DTLS: packets in, packets out, in an event
// loop. Tools and health checks stand on it; the load generator's plain UDP, which sends and
// receives in batches, is its own business.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/endpoint.h"
#include "base/five_tuple.h"
#include "net/event_loop.h"
#include "net/io_counters.h"
#include "net/sys_error.h"
#include "net/tls_client.h"
#include "stun/transaction.h"

namespace turnpike::client {

struct ServerAddress {
  Transport transport = Transport::udp;
  Endpoint server;
  std::string host;                                       // For TLS and DTLS: what it is called.
  std::shared_ptr<const net::TlsClientContext> tls = {};  // For TLS and DTLS.
};

// What a session over that transport may rely on.
[[nodiscard]] stun::Delivery delivery_over(Transport transport);

class ServerLink {
 public:
  struct Handlers {
    // Called with each packet of the server's; the bytes live until it returns.
    std::function<void(ByteView packet)> on_packet;
    // Called once, when broken() has become true.
    std::function<void()> on_broken = {};
  };
  enum class Failure : uint8_t { none, refused, unreachable, closed, handshake };

  // Begins to connect. What is sent before that is done waits. `loop` and `counters`, which may be
  // null, outlive the link. Handlers must not destroy it.
  static Result<std::unique_ptr<ServerLink>, net::SysError> open(const ServerAddress& address,
                                                                 net::EventLoop& loop,
                                                                 net::IoCounters* counters,
                                                                 Handlers handlers);
  // Plain TCP over a connection that somebody else has begun.
  static std::unique_ptr<ServerLink> over_connection(net::Fd fd, net::EventLoop& loop,
                                                     Handlers handlers);

  virtual ~ServerLink() = default;
  ServerLink(const ServerLink&) = delete;
  ServerLink& operator=(const ServerLink&) = delete;

  // Takes a whole packet, to leave with the next flush(). Over a queue that is full it is dropped
  // and counted.
  virtual void send(ByteView packet) = 0;
  virtual void flush() = 0;
  [[nodiscard]] virtual Endpoint local() const = 0;
  // Streams: closing it will be a reset, which leaves no state in this host.
  virtual void reset_on_close() {}

  // The connection is gone and nothing more will come of it.
  [[nodiscard]] bool broken() const { return broken_; }
  // Why it is broken. Plain UDP is never broken, but may have been told that nobody listens.
  [[nodiscard]] Failure failure() const { return failure_; }
  [[nodiscard]] const std::string& failure_text() const { return failure_text_; }

 protected:
  explicit ServerLink(Handlers handlers, net::IoCounters* counters)
      : handlers_(std::move(handlers)), counters_(counters) {}
  void take(ByteView packet);
  void note(Failure failure, const std::string& text);
  void end(Failure failure, const std::string& text);
  void count(Counter net::IoCounters::*counter) {
    if (counters_ != nullptr) (counters_->*counter).add();
  }

 private:
  Handlers handlers_;
  net::IoCounters* counters_;
  bool broken_ = false;
  Failure failure_ = Failure::none;
  std::string failure_text_;
};

}  // namespace turnpike::client
