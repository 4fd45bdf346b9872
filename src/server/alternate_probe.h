// One Binding request to another server, over the transport that is in question, and whether
// anything came back. Any answer will do: one that wants credentials lives too.
#pragma once

#include <functional>
#include <memory>

#include "base/random.h"
#include "net/event_loop.h"
#include "net/tls_client.h"
#include "server/alternate_health.h"
#include "stun/types.h"

namespace turnpike::server {

class AlternateProbe {
 public:
  // Called at most once, from the loop, unless it is known at once. Must not destroy the probe.
  using Done = std::function<void(AlternateHealth::Result)>;

  virtual ~AlternateProbe() = default;
  AlternateProbe(const AlternateProbe&) = delete;
  AlternateProbe& operator=(const AlternateProbe&) = delete;

  // Now and then: what may have been lost is sent again.
  virtual void on_tick() = 0;
  // Nobody waits any longer.
  void give_up() { finish(AlternateHealth::Result::silent); }
  [[nodiscard]] bool finished() const { return finished_; }

 protected:
  AlternateProbe(RandomSource& random, Done done);

  // The request, which is the same each time.
  [[nodiscard]] ByteView request() const { return request_; }
  // Takes a message that came back; others than our answer are ignored.
  void on_message(ByteView bytes);
  void finish(AlternateHealth::Result result);

 private:
  stun::TransactionId id_;
  std::vector<uint8_t> request_;
  Done done_;
  bool finished_ = false;
};

// `loop` and what `done` uses outlive the probe. The certificate of the other server is not looked
// at: whether to trust it is for the client to say.
std::unique_ptr<AlternateProbe> start_probe(const AlternateQuestion& question, net::EventLoop& loop,
                                            RandomSource& random,
                                            std::shared_ptr<const net::TlsClientContext> tls,
                                            AlternateProbe::Done done);

}  // namespace turnpike::server
