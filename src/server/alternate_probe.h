// One Binding request to another server, over the transport that is in question, and whether
// anything came back. Any answer will do: one that wants credentials lives too.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/random.h"
#include "client/server_link.h"
#include "server/alternate_health.h"
#include "stun/types.h"

namespace turnpike::server {

class AlternateProbe {
 public:
  // Called at most once, from the loop, unless it is known at once. Must not destroy the probe.
  using Done = std::function<void(AlternateHealth::Result)>;

  // `loop` and what `done` uses outlive the probe. The certificate of the other server is not
  // looked at: whether to trust it is for the client to say.
  AlternateProbe(const AlternateQuestion& question, net::EventLoop& loop, RandomSource& random,
                 std::shared_ptr<const net::TlsClientContext> tls, Done done);
  AlternateProbe(const AlternateProbe&) = delete;
  AlternateProbe& operator=(const AlternateProbe&) = delete;

  // Now and then: what may have been lost is sent again.
  void on_tick();
  // Nobody waits any longer.
  void give_up() { finish(AlternateHealth::Result::silent); }
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  void ask();
  void on_packet(ByteView bytes);
  void finish(AlternateHealth::Result result);

  stun::TransactionId id_;
  std::vector<uint8_t> request_;  // The same each time.
  Done done_;
  bool finished_ = false;
  bool repeats_;  // The kernel repeats what is lost of a stream.
  std::unique_ptr<client::ServerLink> link_;
};

}  // namespace turnpike::server
