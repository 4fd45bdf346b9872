// How long a mapping lasts without traffic (RFC 5780 section 4.6).
//
// Many ports fall silent at once, each for another time. When a port's time is over another port
// asks the server to answer to the silent one's mapping: that tests the mapping without keeping it
// alive. With servers that can't do that the silent port itself asks, and its mapping is compared.
#include <array>

#include "client/nat_session.h"

namespace turnpike::client {

using End = Trial::End;

namespace {

constexpr Slot kAskerSlot = 5;
// Beyond the ports of all attempts.
constexpr Slot kFirstSilentSlot = 100;

constexpr std::array kWaits = {0,   5,   10,  15,  20,  25,  30,  45,  60,  75,  90,
                               105, 120, 150, 180, 240, 300, 420, 600, 900, 1200};

}  // namespace

NatSession::Step NatSession::begin_lifetime() {
  if (!settings_.longest_lifetime || !over_udp() || result_.presence == NatPresence::blocked) {
    return Step::done;
  }
  silences_.clear();
  for (const int wait : kWaits) {
    if (seconds(wait) <= *settings_.longest_lifetime) silences_.push_back({seconds(wait)});
  }
  silence_ = 0;
  return Step::lifetime_open;
}

TrialPlan NatSession::lifetime_plan(Step step) const {
  const auto silent = static_cast<Slot>(kFirstSilentSlot + silence_);
  if (step == Step::lifetime_open) return plain_plan(silent, server_);
  if (step == Step::lifetime_test && !response_port_works_) return plain_plan(silent, server_);
  TrialPlan plan = controlled_plan(slot(kAskerSlot), server_, std::nullopt);
  plan.ask.response_port = silences_[silence_].mapped.port;
  return plan;
}

NatSession::Step NatSession::after_lifetime_open() {
  if (trial_->end() != End::answered) return Step::done;
  silences_[silence_].mapped = seen();
  if (++silence_ < silences_.size()) return Step::lifetime_open;
  silence_ = 0;
  return Step::lifetime_try;
}

NatSession::Step NatSession::after_lifetime_try() {
  // RFC 5780 section 7.5: the answer goes to the port that was asked for, at the asker's address.
  response_port_works_ = trial_->end() == End::answered;
  result_.lifetime = LifetimeRange{};
  result_.lifetime->compared = !response_port_works_;
  silence_ = 1;
  return silence_ < silences_.size() ? Step::lifetime_wait : Step::done;
}

NatSession::Step NatSession::after_lifetime_test() {
  const Silence& silence = silences_[silence_];
  const bool alive = response_port_works_
                         ? trial_->end() == End::answered
                         : trial_->end() == End::answered && seen() == silence.mapped;
  if (alive) {
    result_.lifetime->alive_after = silence.wait;
    if (++silence_ < silences_.size()) return Step::lifetime_wait;
    return Step::done;
  }
  const bool gone =
      response_port_works_ ? trial_->end() == End::silent : trial_->end() == End::answered;
  if (gone) result_.lifetime->gone_after = silence.wait;
  return Step::done;
}

}  // namespace turnpike::client
