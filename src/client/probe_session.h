// A conversation with several servers from several local ports, without sockets and clocks: what
// discovery and the NAT tests look like to the code that owns sockets.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"

namespace turnpike::client {

// Names one local port. Slot 0 is the one that the caller asked about; each other one is a fresh
// port of the system's choice, opened when something is first sent from it.
using Slot = uint16_t;

struct ProbePacket {
  Slot slot;
  Endpoint to;
  std::vector<uint8_t> bytes;
};

struct ProbeOutput {
  std::vector<ProbePacket> packets;
};

enum class SendFailure : uint8_t {
  refused,      // The host said that nobody listens there.
  unreachable,  // There is no way to it.
  closed,       // The connection ended before the answer.
};

class ProbeSession {
 public:
  virtual ~ProbeSession() = default;

  virtual void start(Instant now, ProbeOutput& out) = 0;
  // The slot is open and has this address, as seen by this host.
  virtual void on_local(Slot slot, const Endpoint& local) = 0;
  virtual void on_packet(Instant now, Slot slot, const Endpoint& from, ByteView packet,
                         ProbeOutput& out) = 0;
  // What was sent from `slot` to `to` did not get away, or came to nobody.
  virtual void on_failure(Instant now, Slot slot, const Endpoint& to, SendFailure failure,
                          ProbeOutput& out) = 0;
  // Does what is due at `now`.
  virtual void on_time(Instant now, ProbeOutput& out) = 0;
  // When on_time() is wanted next; Instant::max() for never.
  [[nodiscard]] virtual Instant deadline() const = 0;
  [[nodiscard]] virtual bool done() const = 0;

 protected:
  ProbeSession() = default;
  ProbeSession(const ProbeSession&) = default;
  ProbeSession& operator=(const ProbeSession&) = default;
};

}  // namespace turnpike::client
