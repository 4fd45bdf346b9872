// What every client conversation looks like to the code that owns sockets and clocks.
#pragma once

#include "base/bytes.h"
#include "base/time.h"
#include "client/output.h"

namespace turnpike::client {

class Session {
 public:
  virtual ~Session() = default;

  // A packet came from the server. False: it is not ours, and nothing happened.
  virtual bool on_packet(Instant now, ByteView packet, Output& out) = 0;
  // Does what is due at `now`.
  virtual void on_time(Instant now, Output& out) = 0;
  // When on_time() is wanted next; Instant::max() for never.
  [[nodiscard]] virtual Instant deadline() const = 0;

 protected:
  Session() = default;
  Session(const Session&) = default;
  Session& operator=(const Session&) = default;
};

}  // namespace turnpike::client
