// What kind of NAT is in the way: RFC 5780's tests, in an order and with a care for loss of our
// own.
//
// One step is one Trial. Filtering is tested first, from a port that has spoken to one address of
// the server alone, and what the mapping tests open can't be mistaken for an open filter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/nat_class.h"
#include "client/trial.h"
#include "stun/attributes.h"
#include "stun/transaction.h"

namespace turnpike::client {

struct NatSettings {
  stun::Delivery delivery = stun::Delivery::unreliable;
  // Slot 0 is a port that the caller has named; else it may be exchanged for another one.
  bool named_port = false;
  // Over TCP: somebody else has tested filtering.
  bool filtering_elsewhere = false;
  bool test_hairpin = true;
  bool test_fragments = true;
  std::optional<seconds> longest_lifetime = {};  // Set: measure the binding's lifetime, up to this.
};

struct LifetimeRange {
  seconds alive_after{0};             // It was still there after so much silence.
  std::optional<seconds> gone_after;  // Unset: it was there to the end of the test.
  bool compared =
      false;  // By comparing ports, which can't see a NAT that gives the same one again.
};

struct NatResult {
  NatPresence presence = NatPresence::unknown;
  NatBehavior mapping = NatBehavior::unknown;
  NatBehavior filtering = NatBehavior::unknown;
  // The server was seen to answer from where the filter test needs it to. It can't be where the
  // mapping depends on the destination.
  bool filtering_proven = false;
  std::optional<bool> hairpin = {};
  std::optional<bool> port_preserved = {};
  std::optional<bool> fragments_out = {};
  std::optional<bool> fragments_in = {};
  std::optional<LifetimeRange> lifetime = {};
  bool rewritten = false;  // An ALG changes plain addresses in answers.
  Endpoint local;
  std::optional<Endpoint> mapped;
  std::optional<Endpoint> server;
  std::optional<Endpoint> other;  // The server's second address.
  double loss = 0;                // Of round trips.
  std::vector<std::string> notes;

  [[nodiscard]] NatClass nat_class() const { return classify_nat(presence, mapping, filtering); }
};

class NatSession final : public ProbeSession {
 public:
  // At most kMaxServers of `servers` are asked. `random` outlives the session.
  static constexpr size_t kMaxServers = 8;
  NatSession(const NatSettings& settings, std::vector<Endpoint> servers, RandomSource& random);

  void start(Instant now, ProbeOutput& out) override;
  void on_local(Slot slot, const Endpoint& local) override;
  void on_packet(Instant now, Slot slot, const Endpoint& from, ByteView packet,
                 ProbeOutput& out) override;
  void on_failure(Instant now, Slot slot, const Endpoint& to, SendFailure failure,
                  ProbeOutput& out) override;
  void on_time(Instant now, ProbeOutput& out) override;
  [[nodiscard]] Instant deadline() const override;
  [[nodiscard]] bool done() const override { return step_ == Step::done; }

  // Complete when done().
  [[nodiscard]] const NatResult& result() const { return result_; }

 private:
  enum class Step : uint8_t {
    survey,  // Which servers answer, and which of them has two addresses?
    first,   // The port under test is seen for the first time.
    loss,
    filter_both,  // RFC 5780 section 4.4, test II.
    filter_port,  // Test III.
    clean_open,   // Both again from a port that nobody knows, when the one under test looks open.
    clean_both,
    clean_port,
    map_ip,     // RFC 5780 section 4.3, test II, or another server.
    map_again,  // Does the first address still see what it saw?
    map_port,   // Test III, over TCP.
    fresh_a,    // Tests I to III from a port that no filter test has touched.
    fresh_b,
    fresh_c,
    open_a,  // Does the server do what silence was blamed on the NAT for?
    open_b,
    verify,
    hairpin_open,
    hairpin,
    long_question,  // In one piece: does the server pass over what it does not know?
    fragments_out,
    long_answer,       // To PADDING (RFC 5780 section 7.6), often as much as the MTU takes.
    strange_question,  // Does the server leave unanswered what it does not know?
    fragments_in,
    lifetime_open,
    lifetime_try,
    lifetime_wait,
    lifetime_test,
    done,
  };

  // nat_session.cc: from step to step.
  void go(Instant now, Step step, ProbeOutput& out);
  [[nodiscard]] TrialPlan plan_for(Step step) const;
  [[nodiscard]] TrialPlan plain_plan(Slot slot, const Endpoint& to) const;
  [[nodiscard]] TrialPlan controlled_plan(Slot slot, const Endpoint& to,
                                          const std::optional<Endpoint>& sees) const;
  // Whether an answer from another address or port of the server comes through.
  [[nodiscard]] TrialPlan filter_plan(Slot slot, const std::optional<Endpoint>& sees,
                                      const stun::ChangeRequest& change) const;
  void advance(Instant now, ProbeOutput& out);
  void advance_survey(Instant now, ProbeOutput& out);
  void choose_server(Instant now, ProbeOutput& out);
  [[nodiscard]] bool mapping_changed() const;
  bool restart(Instant now, ProbeOutput& out);
  void finish();

  // nat_steps.cc: what a trial's end means; each answers the next step.
  Step after(Step step);
  Step after_first();
  Step after_filter_both();
  Step after_filter_port();
  Step after_clean_both();
  Step after_clean_port();
  Step compare_filtering(NatBehavior clean);
  Step after_map_ip();
  Step after_map_again();
  Step after_map_port();
  Step after_fresh_c();
  Step after_mapping();
  Step after_verify();
  Step after_hairpin();
  Step after_fragments_out();
  Step after_long_answer();
  Step after_fragments_in();
  Step conclude();

  // nat_lifetime.cc
  Step begin_lifetime();
  Step after_lifetime_open();
  Step after_lifetime_try();
  Step after_lifetime_test();
  [[nodiscard]] TrialPlan lifetime_plan(Step step) const;

  void note(std::string text);
  [[nodiscard]] bool over_udp() const { return settings_.delivery == stun::Delivery::unreliable; }
  // The k-th port of this attempt; 0 is the one under test.
  [[nodiscard]] Slot slot(Slot k) const;
  [[nodiscard]] Endpoint server_ip_other_port() const { return {server_.ip, other_->port}; }
  [[nodiscard]] Endpoint other_ip_same_port() const { return {other_->ip, server_.port}; }
  // A server at another address than server_, for servers of one address.
  [[nodiscard]] std::optional<Endpoint> second_server() const;
  [[nodiscard]] Endpoint seen() const { return *trial_->answer().public_address(); }

  struct Silence {  // One port that is left alone for a while, to see whether its mapping lasts.
    seconds wait;
    Endpoint mapped = {};
    Instant since = {};
  };

  NatSettings settings_;
  RandomSource* random_;
  std::vector<Endpoint> servers_;
  NatResult result_;
  Step step_ = Step::survey;
  LossMeter meter_;
  std::optional<Trial> trial_;
  std::vector<Trial> survey_;
  Instant survey_ends_ = Instant::max();

  Endpoint server_;                    // A:p of RFC 5780.
  std::optional<Endpoint> other_;      // B:q.
  Endpoint mapped_;                    // Slot 0's, as A:p sees it.
  Endpoint second_mapped_;             // As the second address sees it.
  Endpoint clean_mapped_;              // The clean port's, as A:p sees it.
  std::optional<bool> port_answered_;  // From A:q to slot 0; unset: nobody knows.
  Endpoint fresh_a_, fresh_b_;
  Endpoint hairpin_mapped_;
  std::vector<Endpoint> tried_second_;
  std::vector<Silence> silences_;
  size_t silence_ = 0;
  bool response_port_works_ = false;
  Instant wait_until_ = Instant::max();
  std::vector<Endpoint> locals_;
  Slot base_ = 0;
  int restarts_ = 0;
};

}  // namespace turnpike::client
