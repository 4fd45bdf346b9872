// Which of the alternate servers answer: what to ask when, and what follows from the answers. Time
// and randomness are arguments; the asking itself is alternate_probe.h.
//
// Each server is asked over each transport that clients would be sent to it for, so that nobody is
// sent to a port that answers another transport only. Nothing is known at first, and who has not
// answered is left out.
#pragma once

#include <vector>

#include "base/alternate_server.h"
#include "base/random.h"
#include "base/time.h"

namespace turnpike::server {

struct AlternateQuestion {
  Endpoint address;
  Transport transport = Transport::udp;

  friend bool operator==(const AlternateQuestion&, const AlternateQuestion&) = default;
};

class AlternateHealth {
 public:
  // A server that stopped is left out after these two and the patience of a question at most. The
  // period varies by up to kJitter, so that a fleet does not ask in step.
  static constexpr milliseconds kPeriod{2000};
  static constexpr milliseconds kJitter{2000};

  explicit AlternateHealth(std::vector<AlternateServer> configured);

  // At which addresses clients reach this server. Such a one answers and is not asked: a translator
  // need not let us back in. Returns those of the configured servers that were not known as own.
  std::vector<Endpoint> use_own(const std::vector<Endpoint>& own);
  // Those of the configured servers that are.
  [[nodiscard]] std::vector<Endpoint> own() const;

  // The questions whose time has come. Each waits for its on_result() before it is due again.
  std::vector<size_t> take_due(Instant now);
  [[nodiscard]] const AlternateQuestion& question(size_t index) const {
    return states_[index].question;
  }

  enum class Result : uint8_t { answered, silent };
  // True when that is news: the first result, or another one than before.
  bool on_result(size_t index, Result result, Instant now, RandomSource& random);

  // The servers that answer, each with the transports over which it does, in the configured order.
  [[nodiscard]] std::vector<AlternateServer> healthy() const;

 private:
  struct State {
    AlternateQuestion question;
    bool answers = false;
    bool known = false;  // Has been asked.
    bool asking = false;
    bool own = false;
    Instant due{};
  };

  [[nodiscard]] const State& state_of(const Endpoint& address, Transport transport) const;

  std::vector<AlternateServer> configured_;
  std::vector<State> states_;  // No two with one question, however often a server is named.
};

}  // namespace turnpike::server
