// One question to the network under loss: does an answer of this kind come, or is its absence
// evidence that something keeps it away?
//
// The question is sent again and again, each time as a new transaction and together with a plain
// Binding request that is known to be answered, the control. What is lost of the controls tells how
// likely silence is by chance; it counts as evidence when that is less than kChance.
#pragma once

#include <optional>
#include <vector>

#include "base/random.h"
#include "client/binding_exchange.h"
#include "client/probe_session.h"

namespace turnpike::client {

// What the controls of one session have shown, over all its trials.
class LossMeter {
 public:
  void on_answer(Duration took);
  void on_loss() { ++lost_; }

  // The probability that a request stays without an answer; above what was measured, as long as
  // that was little.
  [[nodiscard]] double upper() const;
  [[nodiscard]] double measured() const;
  // After which an answer no longer counts as on its way.
  [[nodiscard]] Duration grace() const;
  [[nodiscard]] int count() const { return answered_ + lost_; }

 private:
  int answered_ = 0;
  int lost_ = 0;
  Duration slowest_ = {};
};

struct TrialPlan {
  Slot slot = 0;
  std::optional<Endpoint> to = {};  // Without: nothing but controls, to measure loss.
  BindingAsk ask = {};
  std::optional<Endpoint> from = {};  // Where the answer has to come from; as `to` when unset.
  // Without: no silence is evidence, and the trial ends after `tries`.
  std::optional<Endpoint> control = {};
  Slot control_slot = 0;
  std::optional<Endpoint> control_sees = {};  // What the controls have to be told.
  int tries = 60;
  Duration gap = milliseconds(50);
  Duration patience = {};  // After the last try, if that is more than the meter's grace.
  // Hairpin: what comes back isn't an answer but the request itself, at `arrives_at`; and requests
  // go the other way as well, so that no filter stands in between.
  std::optional<Slot> arrives_at = {};
  std::optional<Endpoint> reverse_to = {};
};

class Trial {
 public:
  enum class End : uint8_t {
    running,
    answered,
    from_elsewhere,   // Answered, from where it should not have been.
    rejected,         // An error answer.
    silent,           // Not by chance.
    too_lossy,        // `tries` were not enough to tell.
    mapping_changed,  // A control was told another address: the NAT has forgotten something.
  };

  static constexpr double kChance = 1e-4;

  // Both outlive the trial.
  Trial(TrialPlan plan, LossMeter& meter, RandomSource& random)
      : plan_(plan), meter_(&meter), random_(&random) {}

  void start(Instant now, ProbeOutput& out);
  // True when the packet belongs to this trial.
  bool on_packet(Instant now, Slot slot, const Endpoint& from, ByteView packet);
  // The destination told that it can't be reached.
  void on_failure(Slot slot, const Endpoint& to);
  void on_time(Instant now, ProbeOutput& out);
  [[nodiscard]] Instant deadline() const;

  [[nodiscard]] End end() const { return end_; }
  [[nodiscard]] const TrialPlan& plan() const { return plan_; }
  // With answered, from_elsewhere and rejected.
  [[nodiscard]] const BindingAnswer& answer() const { return answer_; }
  [[nodiscard]] const Endpoint& answered_from() const { return answered_from_; }
  // With mapping_changed: what it is now.
  [[nodiscard]] const Endpoint& now_seen() const { return now_seen_; }

 private:
  struct Try {
    stun::TransactionId id;
    Instant sent;
    bool control;
    bool reverse;
    bool resolved;
  };

  void send(Instant now, ProbeOutput& out);
  void send_one(Instant now, Slot slot, const Endpoint& to, const BindingAsk& ask, bool control,
                bool reverse, ProbeOutput& out);
  void on_control(const BindingAnswer& answer, Duration took);
  void settle_controls(Instant now);
  void judge(Instant now);
  [[nodiscard]] bool enough(int silent) const;
  [[nodiscard]] int silent_since(Instant now) const;

  TrialPlan plan_;
  LossMeter* meter_;
  RandomSource* random_;
  std::vector<Try> tries_;
  int rounds_ = 0;
  Instant next_ = Instant::max();
  End end_ = End::running;
  BindingAnswer answer_;
  Endpoint answered_from_;
  Endpoint now_seen_;
};

}  // namespace turnpike::client
