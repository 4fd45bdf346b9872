// Decides after each turn whether a worker looks at its sockets again at once or lets packets
// gather first.
//
// With many clients of a few packets each, a worker below its limit is woken for nearly every
// packet: the wake-up, the look for what is ready and the system calls for one packet cost more
// than the packet. A pause of a fraction of a millisecond lets one wake-up serve a dozen. It is not
// made where it would gain nothing: at low rates, and where turns are full anyway, of datagrams or
// of other work.
#pragma once

#include "base/time.h"

namespace turnpike::server {

class WakeUpModerator {
 public:
  // Below that many packets a second nothing is paused.
  static constexpr uint64_t kBusyRate = 5000;
  // A turn with as many packets has gathered enough.
  static constexpr uint64_t kFullTurn = 64;
  // One that took so many pauses is a busy worker's: streams count here, which have no datagrams.
  static constexpr int kLongTurn = 2;

  // `pause`: what it adds to the way of a packet at most. Zero: never.
  explicit WakeUpModerator(Duration pause) : pause_(pause) {}

  [[nodiscard]] bool enabled() const { return pause_ > Duration::zero(); }

  // After a turn; `packets` is the number of all datagrams so far. How long to pause, or zero.
  Duration pause_after(Instant began, Instant now, uint64_t packets) {
    const uint64_t in_turn = packets - seen_;
    seen_ = packets;
    if (now - window_began_ >= kWindow) begin_window(now, packets);
    const bool full = in_turn >= kFullTurn || now - began >= kLongTurn * pause_;
    return busy_ && !full ? pause_ : Duration::zero();
  }

 private:
  // Over which the rate is taken.
  static constexpr Duration kWindow = milliseconds(20);

  void begin_window(Instant now, uint64_t packets) {
    const uint64_t count = packets - seen_before_window_;
    busy_ = count * Duration(seconds(1)).count() >=
            kBusyRate * static_cast<uint64_t>((now - window_began_).count());
    window_began_ = now;
    seen_before_window_ = packets;
  }

  Duration pause_;
  Instant window_began_{};
  uint64_t seen_before_window_ = 0;
  uint64_t seen_ = 0;
  bool busy_ = false;
};

}  // namespace turnpike::server
