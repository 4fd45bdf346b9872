// When a client sends a request again and when it gives up: RFC 8489 sections 6.2.1 and 6.2.2.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace turnpike::stun {

struct RetransmitPolicy {
  Duration rto = milliseconds(500);  // The first wait; each one after it is twice as long.
  uint8_t sends = 7;                 // Rc: the request itself and its repetitions.
  uint8_t last_wait = 16;            // Rm: the wait after the last one, in RTOs.
  Duration reliable_wait = milliseconds(39500);  // Ti: one wait where nothing is sent again.
};

enum class Delivery : uint8_t { unreliable, reliable };

// The schedule of one request, as a value: it is told the time and holds nothing but deadlines.
class RetransmitSchedule {
 public:
  enum class Step : uint8_t { wait, resend, give_up };

  // The request leaves at `now`.
  RetransmitSchedule(const RetransmitPolicy& policy, Delivery delivery, Instant now);

  // When poll() has something to say.
  [[nodiscard]] Instant deadline() const { return deadline_; }

  // What is to be done at `now`. Each `resend` is answered by one sending; after a pause that
  // swallowed several deadlines there is one `resend`, not several. `give_up` stays.
  [[nodiscard]] Step poll(Instant now);

  [[nodiscard]] Instant first_sent() const { return first_sent_; }
  // RFC 8489 section 6.2.1, Karn's rule: only an answer to a request that left once says how long
  // the round trip takes.
  [[nodiscard]] bool sent_once() const { return sent_ == 1; }

 private:
  Instant first_sent_;
  Instant deadline_;
  Duration wait_;  // The one that ends at deadline_, if it is not the last.
  Duration last_wait_;
  uint8_t sends_left_;
  uint8_t sent_ = 1;
};

}  // namespace turnpike::stun
