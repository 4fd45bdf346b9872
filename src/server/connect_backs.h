// Carries out ConnectBack (turn/connect_back.cc): TCP connections to users who asked for one. A
// connection carries nothing; that it comes about is all that it has to say.
#pragma once

#include <list>

#include "net/event_loop.h"
#include "turn/effects.h"

namespace turnpike::server {

class ConnectBacks {
 public:
  // Three times the kernel sends a SYN in this time: at once, after a second and after three.
  static constexpr seconds kPatience{4};
  // At the same time, of one worker. The core limits users and addresses; this is for what a crowd
  // of them may take in descriptors. What comes on top is not tried.
  static constexpr size_t kMost = 128;

  // `loop` outlives it.
  explicit ConnectBacks(net::EventLoop& loop) : loop_(loop) {}

  void carry_out(const turn::ConnectBack& wanted, Instant now);
  // Once a second: gives up what has taken too long.
  void on_tick(Instant now);

  [[nodiscard]] size_t size() const { return attempts_.size(); }

 private:
  struct Attempt {
    net::Fd fd;
    Instant until;
    // After the descriptor: they go first.
    net::Watch writable;
    net::Watch readable;
  };
  using Place = std::list<Attempt>::iterator;

  void on_outcome(Place place);
  void end(Place place);

  net::EventLoop& loop_;
  std::list<Attempt> attempts_;
};

}  // namespace turnpike::server
