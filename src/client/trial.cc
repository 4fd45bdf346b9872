#include "client/trial.h"

#include <algorithm>
#include <cmath>

namespace turnpike::client {

void LossMeter::on_answer(Duration took) {
  ++answered_;
  slowest_ = std::max(slowest_, took);
}

double LossMeter::measured() const {
  return count() == 0 ? 0 : static_cast<double>(lost_) / count();
}

double LossMeter::upper() const {
  // Laplace's estimate and one standard deviation: few controls promise little.
  const double n = count() + 2;
  const double p = (lost_ + 1) / n;
  return std::min(p + std::sqrt(p * (1 - p) / n), 0.999);
}

Duration LossMeter::grace() const {
  constexpr Duration kLeast = milliseconds(400);
  constexpr Duration kMost = seconds(2);
  return std::clamp<Duration>(4 * slowest_, kLeast, kMost);
}

void Trial::start(Instant now, ProbeOutput& out) {
  send(now, out);
}

void Trial::send_one(Instant now, Slot slot, const Endpoint& to, const BindingAsk& ask,
                     bool control, bool reverse, ProbeOutput& out) {
  Try one{{}, now, control, reverse, false};
  random_->fill(one.id);
  tries_.push_back(one);
  out.packets.push_back({slot, to, make_binding_request(one.id, ask)});
}

void Trial::send(Instant now, ProbeOutput& out) {
  ++rounds_;
  next_ = now + plan_.gap;
  if (plan_.reverse_to && plan_.arrives_at) {
    send_one(now, *plan_.arrives_at, *plan_.reverse_to, {}, false, true, out);
  }
  if (plan_.to) send_one(now, plan_.slot, *plan_.to, plan_.ask, false, false, out);
  if (plan_.control) send_one(now, plan_.control_slot, *plan_.control, {}, true, false, out);
}

bool Trial::on_packet(Instant now, Slot slot, const Endpoint& from, ByteView packet) {
  const auto id = plan_.arrives_at && asked_id(packet) ? asked_id(packet) : answered_id(packet);
  if (!id) return false;
  const auto one =
      std::find_if(tries_.begin(), tries_.end(), [&id](const Try& sent) { return sent.id == *id; });
  if (one == tries_.end()) return false;
  if (asked_id(packet)) {
    // It came round: whichever of the two it was, the NAT has let it through.
    const Slot expected = one->reverse ? plan_.slot : *plan_.arrives_at;
    if (one->control || slot != expected || end_ != End::running) return true;
    answered_from_ = from;
    end_ = End::answered;
    return true;
  }
  const auto answer = parse_binding_answer(packet);
  if (!answer) return true;
  // A duplicate of an answer says nothing new; a late answer of a control that was given up does no
  // harm, since it made the loss look greater than it is.
  const bool first = !one->resolved;
  one->resolved = true;
  if (one->control) {
    if (first && from == *plan_.control) on_control(*answer, now - one->sent);
    return true;
  }
  if (end_ != End::running || plan_.arrives_at) return true;
  answer_ = *answer;
  answered_from_ = from;
  if (from != plan_.from.value_or(*plan_.to)) {
    end_ = End::from_elsewhere;
  } else {
    end_ = answer->error == 0 ? End::answered : End::rejected;
  }
  // An error comes from where the question went, whatever it asked for.
  if (answer->error != 0) end_ = End::rejected;
  return true;
}

void Trial::on_control(const BindingAnswer& answer, Duration took) {
  meter_->on_answer(took);
  const auto seen = answer.public_address();
  if (!seen || !plan_.control_sees || *seen == *plan_.control_sees) return;
  if (end_ != End::running) return;
  now_seen_ = *seen;
  end_ = End::mapping_changed;
}

void Trial::on_failure(Slot slot, const Endpoint& to) {
  if (end_ != End::running || plan_.control || slot != plan_.slot || to != plan_.to) return;
  end_ = End::too_lossy;
}

void Trial::settle_controls(Instant now) {
  for (Try& one : tries_) {
    if (!one.control || one.resolved || now - one.sent < meter_->grace()) continue;
    one.resolved = true;
    meter_->on_loss();
  }
}

int Trial::silent_since(Instant now) const {
  return static_cast<int>(std::count_if(tries_.begin(), tries_.end(), [&](const Try& one) {
    return !one.control && !one.reverse && now - one.sent >= meter_->grace();
  }));
}

bool Trial::enough(int silent) const {
  return plan_.control && meter_->count() > 0 && std::pow(meter_->upper(), silent) < kChance;
}

void Trial::judge(Instant now) {
  const Duration wait = std::max(plan_.patience, meter_->grace());
  const bool all_waited = tries_.empty() || now - tries_.back().sent >= wait;
  if (!plan_.to) {
    if (rounds_ >= plan_.tries && all_waited) end_ = End::silent;
    return;
  }
  if (enough(silent_since(now))) {
    end_ = End::silent;
  } else if (rounds_ >= plan_.tries && all_waited) {
    end_ = End::too_lossy;
  }
}

void Trial::on_time(Instant now, ProbeOutput& out) {
  if (end_ != End::running) return;
  settle_controls(now);
  judge(now);
  if (end_ != End::running || now < next_) return;
  // What is on its way may be enough, if none of it is answered.
  if (rounds_ < plan_.tries && !(plan_.to && enough(rounds_))) {
    send(now, out);
  } else {
    next_ = now + plan_.gap;
  }
}

Instant Trial::deadline() const {
  return end_ == End::running ? next_ : Instant::max();
}

}  // namespace turnpike::client
