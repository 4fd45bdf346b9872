#include "stun/transaction.h"

namespace turnpike::stun {

RetransmitSchedule::RetransmitSchedule(const RetransmitPolicy& policy, Delivery delivery,
                                       Instant now)
    : first_sent_(now),
      wait_(policy.rto),
      last_wait_(policy.rto * policy.last_wait),
      sends_left_(policy.sends > 0 ? static_cast<uint8_t>(policy.sends - 1) : uint8_t{0}) {
  if (delivery == Delivery::reliable) {
    sends_left_ = 0;
    deadline_ = now + policy.reliable_wait;
    return;
  }
  deadline_ = now + (sends_left_ > 0 ? wait_ : last_wait_);
}

RetransmitSchedule::Step RetransmitSchedule::poll(Instant now) {
  if (now < deadline_) return Step::wait;
  if (sends_left_ == 0) return Step::give_up;
  --sends_left_;
  ++sent_;
  wait_ *= 2;
  // Counted from now and not from the deadline, so that a late caller doesn't send in a burst.
  deadline_ = now + (sends_left_ > 0 ? wait_ : last_wait_);
  return Step::resend;
}

}  // namespace turnpike::stun
