// Decides after each turn whether a worker looks at its sockets again at once or lets packets
// gather first.
//
// With many clients of a few packets each, a worker below its limit is woken for nearly every
// packet: the wake-up, the look for what is ready and the system calls for one packet cost more
// than the packet. A pause of a fraction of a millisecond lets one wake-up serve a dozen. It is not
// made where it would gain nothing: at low rates, and where turns are full anyway, of packets or of
// other work, or leave something to be done.
#pragma once

#include <cstdint>
#include <utility>

#include "base/time.h"

namespace turnpike::server {

class WakeUpModerator {
 public:
  // A pause is a wake-up more, so it has to save some: at a rate that brings fewer packets in a
  // pause nothing is paused. With 200 us that is below 10,000 packets a second.
  static constexpr uint64_t kWorthPackets = 2;
  // A turn with as many packets has gathered enough.
  static constexpr uint64_t kFullTurn = 64;
  // One that took so many pauses is a busy worker's: what has to be signed or checked, or is a long
  // read of a stream, takes many times as long as a datagram.
  static constexpr int kLongTurn = 2;

  // What a worker has been brought so far.
  struct Arrivals {
    uint64_t packets = 0;  // Datagrams, and reads of streams that brought bytes.
    // How often a stream was left with more to read. A pause would hold up what is there already,
    // and of one fast stream nothing else: it has a read in each turn.
    uint64_t left = 0;
  };

  // `pause`: what it adds to the way of a packet at most. Zero: never.
  explicit WakeUpModerator(Duration pause) : pause_(pause) {}

  [[nodiscard]] bool enabled() const { return pause_ > Duration::zero(); }

  // After a turn. How long to pause, or zero.
  Duration pause_after(Instant began, Instant now, const Arrivals& so_far) {
    const Arrivals before = std::exchange(seen_, so_far);
    if (now - window_began_ >= kWindow) begin_window(now, so_far.packets);
    const bool full = so_far.packets - before.packets >= kFullTurn || so_far.left != before.left ||
                      now - began >= kLongTurn * pause_;
    return busy_ && !full ? pause_ : Duration::zero();
  }

 private:
  // Over which the rate is taken.
  static constexpr Duration kWindow = milliseconds(20);

  void begin_window(Instant now, uint64_t packets) {
    const uint64_t count = packets - seen_before_window_;
    const auto length = static_cast<uint64_t>((now - window_began_).count());
    busy_ = count * static_cast<uint64_t>(pause_.count()) >= kWorthPackets * length;
    window_began_ = now;
    seen_before_window_ = packets;
  }

  Duration pause_;
  Instant window_began_{};
  uint64_t seen_before_window_ = 0;
  Arrivals seen_;
  bool busy_ = false;
};

}  // namespace turnpike::server
