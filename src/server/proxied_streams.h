// TCP connections of one worker that come through a load balancer and begin with a PROXY header:
// who the client is stands in the header, so nothing of the connection counts before it is read.
//
// Only listed sources are heard. The header is taken out of the connection to its last byte and not
// further, so that whoever takes the connection over finds what the client sent, TLS or not.
#pragma once

#include <functional>
#include <vector>

#include "base/ip_range.h"
#include "base/slab.h"
#include "net/event_loop.h"
#include "net/tcp.h"
#include "server/accepting.h"
#include "server/client_counters.h"

namespace turnpike::server {

struct ProxyLimits {
  std::vector<IpRange> sources;  // Whom we believe; anybody else is closed at once.
  seconds header_max{10};        // The header must be complete by then.
  // Connections that may be without a complete header at once, on this worker. A balancer sends it
  // first thing, so many of them mean that something else connects.
  size_t waiting_max = 4096;
};

class ProxiedStreams {
 public:
  // Gets each connection whose header was read, with the client's address for `peer`. `local` stays
  // our own: it is what relayed addresses are chosen by.
  using TakeOver = std::function<void(net::AcceptedStream&&)>;
  using Clock = std::function<Instant()>;

  ProxiedStreams(net::EventLoop& loop, ClientCounters& counters, ProxyLimits limits, Clock now,
                 TakeOver take_over);
  ~ProxiedStreams();
  ProxiedStreams(const ProxiedStreams&) = delete;
  ProxiedStreams& operator=(const ProxiedStreams&) = delete;

  // Takes the connections that wait at a listening socket.
  Accepting accept_from(const net::Fd& listener);
  void on_tick();

  [[nodiscard]] size_t size() const { return waiting_.size(); }

 private:
  struct Waiting;
  enum class Progress : uint8_t { waits, complete, broken };

  void open(net::AcceptedStream accepted);
  void on_readable(SlabHandle handle);
  // Reads as much of the header as has come.
  Progress read_header(Waiting& waiting);

  net::EventLoop& loop_;
  ClientCounters& counters_;
  ProxyLimits limits_;
  Clock now_;
  TakeOver take_over_;
  Slab<Waiting> waiting_;
  std::vector<uint8_t> peeked_;      // Scratch of read_header().
  std::vector<SlabHandle> overdue_;  // Scratch of on_tick().
};

}  // namespace turnpike::server
