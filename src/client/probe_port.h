// One local port of a probe, on a real socket. What kind of socket decides how it sends: a UDP
// socket, one TCP connection for each destination, or a raw socket beside an application's.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "client/probe_session.h"
#include "net/event_loop.h"
#include "net/shared_listener.h"
#include "net/sys_error.h"

namespace turnpike::client {

struct ProbePortEvents {
  // Views live until they return. Neither may destroy the port, both may send from it.
  std::function<void(const Endpoint& from, ByteView packet)> on_packet;
  std::function<void(const Endpoint& to, SendFailure failure)> on_failure;
};

class ProbePort {
 public:
  virtual ~ProbePort() = default;

  // Failures are told by on_failure, never from within.
  virtual void send(const Endpoint& to, ByteView packet) = 0;
  // What the port is called by this host when it speaks to `to`.
  [[nodiscard]] virtual Endpoint local_towards(const Endpoint& to) const = 0;
  // Datagrams that were meant for the application that has the port, and that we got instead.
  [[nodiscard]] virtual uint64_t taken_from_application() const { return 0; }

 protected:
  ProbePort() = default;
  ProbePort(const ProbePort&) = default;
  ProbePort& operator=(const ProbePort&) = default;
};

// `towards` is the first destination: it tells the family.
using ProbePortMaker = std::function<Result<std::unique_ptr<ProbePort>, net::SysError>(
    Slot slot, const Endpoint& towards, ProbePortEvents events)>;

// The `local` of each may be of any address and port 0. `loop` outlives the port.
Result<std::unique_ptr<ProbePort>, net::SysError> open_udp_port(net::EventLoop& loop,
                                                                const Endpoint& local,
                                                                ProbePortEvents events);
// `listener`: the application's, which is let go of with the port.
Result<std::unique_ptr<ProbePort>, net::SysError> open_tcp_port(
    net::EventLoop& loop, const Endpoint& local, ProbePortEvents events,
    std::optional<net::SharedListener> listener = {});
// Beside an application's socket. The first: `local` in full. The second joins the application's
// SO_REUSEPORT group, where for some microseconds a datagram of its may come to us; it fails at
// once where the application doesn't allow it.
Result<std::unique_ptr<ProbePort>, net::SysError> open_raw_port(net::EventLoop& loop,
                                                                const Endpoint& local,
                                                                ProbePortEvents events);
Result<std::unique_ptr<ProbePort>, net::SysError> open_shared_udp_port(net::EventLoop& loop,
                                                                       const Endpoint& local,
                                                                       const Endpoint& towards,
                                                                       ProbePortEvents events);

}  // namespace turnpike::client
