// How a client of the load generator reaches the server over TCP, TLS or DTLS. Plain UDP is the
// engine's own business, since it sends and receives in batches.
#pragma once

#include <functional>
#include <memory>

#include "base/five_tuple.h"
#include "net/event_loop.h"
#include "net/io_counters.h"
#include "net/sys_error.h"
#include "net/tls_client.h"

namespace turnpike::cli {

// What all links of an engine share; outlives them.
struct LoadLinkSettings {
  Transport transport = Transport::tcp;  // Not udp.
  Endpoint server;
  std::string host;                                  // For TLS.
  std::shared_ptr<const net::TlsClientContext> tls;  // For TLS and DTLS.
};

class LoadLink {
 public:
  // Called with each packet of the server's; the bytes live until it returns. It must not destroy
  // the link.
  using OnPacket = std::function<void(ByteView packet)>;

  // Begins to connect. What is sent before that is done waits.
  static Result<std::unique_ptr<LoadLink>, net::SysError> open(const LoadLinkSettings& settings,
                                                               net::EventLoop& loop,
                                                               net::IoCounters& counters,
                                                               OnPacket on_packet);

  virtual ~LoadLink() = default;
  LoadLink(const LoadLink&) = delete;
  LoadLink& operator=(const LoadLink&) = delete;

  // Takes a whole packet, to leave with the next flush(). Over a queue that is full it is dropped
  // and counted.
  virtual void send(ByteView packet) = 0;
  virtual void flush() = 0;
  // To be called some times a second: handshakes over datagrams are repeated.
  virtual void on_time() = 0;
  // The connection is gone and nothing more will come of it.
  [[nodiscard]] bool broken() const { return broken_; }

 protected:
  LoadLink() = default;
  bool broken_ = false;
};

}  // namespace turnpike::cli
