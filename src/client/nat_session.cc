#include "client/nat_session.h"

#include <algorithm>

namespace turnpike::client {
namespace {

// Slots: the ports of one attempt, then those of the next one. The survey's come after all of them.
constexpr Slot kSlotsOfAttempt = 8;
constexpr Slot kSurveySlots = 1000;
constexpr int kMaxRestarts = 3;

// A server that answers and has but one address waits so long for a better one.
constexpr Duration kBetterServer = milliseconds(1200);

// Less than any path's MTU with all that is around it; and more, but less than what a resolver's
// or a server's buffer holds.
constexpr uint16_t kInOnePiece = 1000;
constexpr uint16_t kFragmented = 1600;

constexpr int kTcpTries = 1;
constexpr Duration kTcpMappingPatience = seconds(6);

}  // namespace

NatSession::NatSession(const NatSettings& settings, std::vector<Endpoint> servers,
                       RandomSource& random)
    : settings_(settings), random_(&random), servers_(std::move(servers)) {
  if (servers_.size() > kMaxServers) servers_.resize(kMaxServers);
}

Slot NatSession::slot(Slot k) const {
  if (k == 0 && settings_.named_port) return 0;
  return static_cast<Slot>(base_ + k);
}

void NatSession::note(std::string text) {
  auto& notes = result_.notes;
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(std::move(text));
}

void NatSession::start(Instant now, ProbeOutput& out) {
  if (servers_.empty()) return finish();
  for (size_t i = 0; i < servers_.size(); ++i) {
    TrialPlan plan = plain_plan(static_cast<Slot>(kSurveySlots + i), servers_[i]);
    plan.tries = over_udp() ? 20 : kTcpTries;
    plan.gap = milliseconds(250);
    survey_.emplace_back(plan, meter_, *random_);
    survey_.back().start(now, out);
  }
}

// ---- plans ----

TrialPlan NatSession::plain_plan(Slot from, const Endpoint& to) const {
  TrialPlan plan{.slot = from, .to = to};
  plan.tries = 40;
  plan.gap = milliseconds(100);
  if (!over_udp()) {
    plan.tries = kTcpTries;
    plan.patience = kTcpMappingPatience;
  }
  return plan;
}

TrialPlan NatSession::controlled_plan(Slot from, const Endpoint& to,
                                      const std::optional<Endpoint>& sees) const {
  if (!over_udp()) return plain_plan(from, to);
  return {.slot = from, .to = to, .control = server_, .control_slot = from, .control_sees = sees};
}

TrialPlan NatSession::filter_plan(Slot from, const std::optional<Endpoint>& sees,
                                  const stun::ChangeRequest& change) const {
  TrialPlan plan = controlled_plan(from, server_, sees);
  plan.ask.change = change;
  plan.from = change.change_ip ? *other_ : server_ip_other_port();
  return plan;
}

TrialPlan NatSession::plan_for(Step step) const {
  switch (step) {
    case Step::first:
      return plain_plan(slot(0), server_);
    case Step::loss:
      return {.slot = slot(0),
              .control = server_,
              .control_slot = slot(0),
              .control_sees = mapped_,
              .tries = 10};
    case Step::filter_both:
      return filter_plan(slot(0), mapped_, {.change_ip = true, .change_port = true});
    case Step::filter_port:
      return filter_plan(slot(0), mapped_, {.change_ip = false, .change_port = true});
    case Step::clean_open:
      return plain_plan(slot(6), server_);
    case Step::clean_both:
      return filter_plan(slot(6), clean_mapped_, {.change_ip = true, .change_port = true});
    case Step::clean_port:
      return filter_plan(slot(6), clean_mapped_, {.change_ip = false, .change_port = true});
    case Step::map_ip:
      return controlled_plan(slot(0), other_ ? other_ip_same_port() : *second_server(), mapped_);
    case Step::map_again:
      return plain_plan(slot(0), server_);
    case Step::map_port:
      return controlled_plan(slot(0), *other_, mapped_);
    case Step::fresh_a:
      return plain_plan(slot(1), server_);
    case Step::fresh_b:
      return controlled_plan(slot(1), other_ip_same_port(), fresh_a_);
    case Step::fresh_c:
      return controlled_plan(slot(1), *other_, fresh_a_);
    case Step::open_a:
      return plain_plan(slot(2), server_);
    case Step::open_b:
      return controlled_plan(slot(2), *other_, std::nullopt);
    case Step::verify: {
      TrialPlan plan = controlled_plan(slot(2), server_, std::nullopt);
      plan.ask.change = stun::ChangeRequest{true, true};
      plan.from = *other_;
      return plan;
    }
    case Step::hairpin_open:
      return plain_plan(slot(3), server_);
    case Step::hairpin: {
      TrialPlan plan = controlled_plan(slot(3), mapped_, std::nullopt);
      plan.arrives_at = slot(0);
      plan.reverse_to = hairpin_mapped_;
      return plan;
    }
    case Step::long_question:
    case Step::fragments_out: {
      TrialPlan plan = controlled_plan(slot(4), server_, std::nullopt);
      plan.ask.filler = step == Step::long_question ? kInOnePiece : kFragmented;
      return plan;
    }
    case Step::strange_question: {
      TrialPlan plan = controlled_plan(slot(4), server_, std::nullopt);
      plan.ask.stranger = true;
      return plan;
    }
    case Step::long_answer:
    case Step::fragments_in: {
      TrialPlan plan = controlled_plan(slot(4), server_, std::nullopt);
      plan.ask.padding = step == Step::long_answer ? kInOnePiece : kFragmented;
      return plan;
    }
    case Step::lifetime_open:
    case Step::lifetime_try:
    case Step::lifetime_test:
      return lifetime_plan(step);
    case Step::survey:
    case Step::lifetime_wait:
    case Step::done:
      break;
  }
  return {};
}

// ---- the way through ----

void NatSession::go(Instant now, Step step, ProbeOutput& out) {
  step_ = step;
  trial_.reset();
  if (step == Step::done) return finish();
  if (step == Step::lifetime_wait) {
    wait_until_ = silences_[silence_].since + silences_[silence_].wait;
    return;
  }
  trial_.emplace(plan_for(step), meter_, *random_);
  trial_->start(now, out);
}

void NatSession::advance(Instant now, ProbeOutput& out) {
  while (trial_ && trial_->end() != Trial::End::running) {
    if (trial_->answer().rewritten()) result_.rewritten = true;
    if (mapping_changed() && restart(now, out)) return;
    if (step_ == Step::lifetime_open) silences_[silence_].since = now;
    go(now, after(step_), out);
  }
}

bool NatSession::mapping_changed() const {
  if (trial_->end() == Trial::End::mapping_changed) return true;
  return step_ == Step::map_again && trial_->end() == Trial::End::answered && seen() != mapped_;
}

// The NAT forgot us, or changed its address, in the middle of a test: what was seen before is old.
// False: that was the last straw.
bool NatSession::restart(Instant now, ProbeOutput& out) {
  note("the mapping changed during the test: was the router restarted?");
  if (++restarts_ > kMaxRestarts) {
    note("the mapping changes all the time");
    return false;
  }
  base_ = static_cast<Slot>(base_ + kSlotsOfAttempt);
  result_.mapping = result_.filtering = NatBehavior::unknown;
  result_.filtering_proven = false;
  port_answered_.reset();
  tried_second_.clear();
  go(now, Step::first, out);
  return true;
}

void NatSession::finish() {
  step_ = Step::done;
  trial_.reset();
  survey_.clear();
  result_.loss = meter_.measured();
}

void NatSession::advance_survey(Instant now, ProbeOutput& out) {
  bool running = false;
  bool answered = false;
  bool complete = false;  // One of them has two addresses.
  for (const Trial& trial : survey_) {
    if (trial.end() == Trial::End::running) running = true;
    if (trial.end() != Trial::End::answered) continue;
    answered = true;
    const auto& other = trial.answer().other_address;
    if (other && other->ip != trial.plan().to->ip && other->port != trial.plan().to->port) {
      complete = true;
    }
  }
  if (answered && survey_ends_ == Instant::max()) survey_ends_ = now + kBetterServer;
  if (!running || complete || now >= survey_ends_) choose_server(now, out);
}

void NatSession::choose_server(Instant now, ProbeOutput& out) {
  const Trial* best = nullptr;
  for (const Trial& trial : survey_) {
    if (trial.end() == Trial::End::from_elsewhere) {
      note(trial.plan().to->to_string() + " answers from " + trial.answered_from().to_string() +
           ", which makes it unfit");
    }
    if (trial.end() != Trial::End::answered) continue;
    const auto& other = trial.answer().other_address;
    const bool full = other && other->ip.family() == trial.plan().to->ip.family() &&
                      other->ip != trial.plan().to->ip && other->port != trial.plan().to->port;
    if (best == nullptr || (full && !other_)) best = &trial;
    if (full && !other_) other_ = other;
  }
  if (best == nullptr) {
    result_.presence = NatPresence::blocked;
    return finish();
  }
  server_ = *best->plan().to;
  result_.server = server_;
  result_.other = other_;
  survey_.clear();
  go(now, Step::first, out);
}

// ---- inputs ----

void NatSession::on_local(Slot slot, const Endpoint& local) {
  if (slot >= kSurveySlots) return;
  if (slot >= locals_.size()) locals_.resize(size_t{slot} + 1);
  locals_[slot] = local;
}

void NatSession::on_packet(Instant now, Slot slot, const Endpoint& from, ByteView packet,
                           ProbeOutput& out) {
  if (step_ == Step::survey) {
    for (Trial& trial : survey_) {
      if (trial.on_packet(now, slot, from, packet)) return advance_survey(now, out);
    }
  } else if (trial_ && trial_->on_packet(now, slot, from, packet)) {
    advance(now, out);
  }
}

void NatSession::on_failure(Instant now, Slot slot, const Endpoint& to, SendFailure,
                            ProbeOutput& out) {
  if (step_ == Step::survey) {
    for (Trial& trial : survey_) trial.on_failure(slot, to);
    if (!survey_.empty()) advance_survey(now, out);
  } else if (trial_) {
    trial_->on_failure(slot, to);
    advance(now, out);
  }
}

void NatSession::on_time(Instant now, ProbeOutput& out) {
  if (step_ == Step::survey) {
    for (Trial& trial : survey_) trial.on_time(now, out);
    if (!survey_.empty()) advance_survey(now, out);
  } else if (step_ == Step::lifetime_wait) {
    if (now >= wait_until_) go(now, Step::lifetime_test, out);
  } else if (trial_) {
    trial_->on_time(now, out);
    advance(now, out);
  }
}

Instant NatSession::deadline() const {
  if (step_ == Step::lifetime_wait) return wait_until_;
  Instant first = trial_ ? trial_->deadline() : Instant::max();
  if (step_ != Step::survey) return first;
  first = survey_ends_;
  for (const Trial& trial : survey_) first = std::min(first, trial.deadline());
  return first;
}

std::optional<Endpoint> NatSession::second_server() const {
  for (const Endpoint& server : servers_) {
    const bool tried =
        std::find(tried_second_.begin(), tried_second_.end(), server) != tried_second_.end();
    if (server.ip != server_.ip && !tried) return server;
  }
  return {};
}

}  // namespace turnpike::client
