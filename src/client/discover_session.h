// Which public address and port a local port has: asked of several servers, believed when two of
// them, at different addresses, agree.
//
// Two servers are asked at once and one more each time kNextServerAfter passes without a result.
// Servers may be added while it runs, as their names are resolved.
#pragma once

#include <optional>

#include "base/random.h"
#include "client/binding_exchange.h"
#include "client/probe_session.h"
#include "stun/transaction.h"

namespace turnpike::client {

enum class DiscoverOutcome : uint8_t {
  found,               // Two servers agree, or there is no translation at all.
  endpoint_dependent,  // Each server sees another address: of no use to anybody else.
  unconfirmed,         // Only one server answered, so the mapping may be endpoint-dependent.
  no_answer,           // No server answered.
};

struct DiscoverSettings {
  stun::Delivery delivery = stun::Delivery::unreliable;
  Duration patience = seconds(8);  // Without any answer. Twice that when one has come.
  stun::RetransmitPolicy retransmit = {};
  // How many servers have to agree. With 1 the outcome is `unconfirmed` at the first answer.
  int enough = 2;
  // Set: one server's word is enough when no other one answers for so long after it.
  std::optional<Duration> second_opinion = {};
};

struct ServerReport {
  enum class State : uint8_t { not_asked, asked, answered, refused, unreachable, rejected };

  Endpoint server;
  State state = State::not_asked;
  std::optional<Endpoint> mapped = {};         // What it saw, when last asked.
  std::optional<Endpoint> answered_from = {};  // An answer that did not come from it, so ignored.
  uint16_t error = 0;                          // With rejected: its ERROR-CODE.
  bool rewritten = false;                      // An ALG changed the plain address on the way.
  Duration took = {};
};

struct DiscoverResult {
  DiscoverOutcome outcome = DiscoverOutcome::no_answer;
  Endpoint mapped;  // With found and unconfirmed.
  Endpoint local;
  bool translated = true;  // False: the local address is the public one.
  std::vector<ServerReport> servers;
};

class DiscoverSession final : public ProbeSession {
 public:
  static constexpr Duration kNextServerAfter = milliseconds(750);

  // `random` outlives the session.
  DiscoverSession(const DiscoverSettings& settings, RandomSource& random);

  // More than one address of one host are alternatives: the second one is asked when the first one
  // stays silent. An address that is known is ignored.
  void add_server(Instant now, const Endpoint& server, ProbeOutput& out);
  // No name is being resolved any more.
  void no_more_servers(Instant now, ProbeOutput& out);

  void start(Instant now, ProbeOutput& out) override;
  void on_local(Slot slot, const Endpoint& local) override;
  void on_packet(Instant now, Slot slot, const Endpoint& from, ByteView packet,
                 ProbeOutput& out) override;
  void on_failure(Instant now, Slot slot, const Endpoint& to, SendFailure failure,
                  ProbeOutput& out) override;
  void on_time(Instant now, ProbeOutput& out) override;
  [[nodiscard]] Instant deadline() const override;
  [[nodiscard]] bool done() const override { return done_; }

  // Complete when done().
  [[nodiscard]] const DiscoverResult& result() const { return result_; }

 private:
  struct Inquiry {
    size_t server;
    stun::TransactionId id;
    stun::RetransmitSchedule schedule;
  };

  void ask(Instant now, size_t server, ProbeOutput& out);
  bool ask_next(Instant now, ProbeOutput& out);
  void top_up(Instant now, ProbeOutput& out);
  void send(const Inquiry& inquiry, ProbeOutput& out) const;
  void on_answer(Instant now, size_t server, const BindingAnswer& answer, ProbeOutput& out);
  // Ends the session when what is known suffices.
  void conclude(Instant now, ProbeOutput& out);
  void on_disagreement(Instant now, ProbeOutput& out);
  void finish(DiscoverOutcome outcome);
  void give_up();
  [[nodiscard]] std::vector<size_t> answered() const;
  [[nodiscard]] size_t asking() const { return inquiries_.size(); }

  DiscoverSettings settings_;
  RandomSource* random_;
  DiscoverResult result_;
  std::vector<Inquiry> inquiries_;
  Instant started_at_;
  Instant ends_at_ = Instant::max();
  Instant next_server_at_ = Instant::max();
  std::optional<size_t> asked_again_;  // After a disagreement.
  int repeats_ = 0;
  bool owed_ = false;  // One more server was due when there was none.
  bool all_known_ = false;
  bool done_ = false;
};

}  // namespace turnpike::client
