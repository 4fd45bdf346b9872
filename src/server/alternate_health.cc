#include "server/alternate_health.h"

#include <algorithm>

#include "base/check.h"

namespace turnpike::server {

AlternateHealth::AlternateHealth(std::vector<AlternateServer> configured)
    : configured_(std::move(configured)) {
  for (const AlternateServer& server : configured_) {
    for (const Transport transport : server.transports) {
      const AlternateQuestion question = {server.address, transport};
      const bool known = std::any_of(states_.begin(), states_.end(), [&](const State& state) {
        return state.question == question;
      });
      if (!known) states_.push_back({.question = question});
    }
  }
}

std::vector<Endpoint> AlternateHealth::use_own(const std::vector<Endpoint>& own) {
  std::vector<Endpoint> found;
  for (State& state : states_) {
    const Endpoint& address = state.question.address;
    const bool is_own = std::find(own.begin(), own.end(), address) != own.end();
    if (is_own == state.own) continue;
    state.own = is_own;
    // Of one that is ours no longer nothing is known.
    state.known = state.answers = false;
    state.due = {};
    if (is_own && std::find(found.begin(), found.end(), address) == found.end()) {
      found.push_back(address);
    }
  }
  return found;
}

std::vector<Endpoint> AlternateHealth::own() const {
  std::vector<Endpoint> own;
  for (const State& state : states_) {
    const Endpoint& address = state.question.address;
    if (state.own && std::find(own.begin(), own.end(), address) == own.end())
      own.push_back(address);
  }
  return own;
}

std::vector<size_t> AlternateHealth::take_due(Instant now) {
  std::vector<size_t> due;
  for (size_t i = 0; i < states_.size(); ++i) {
    if (states_[i].own || states_[i].asking || states_[i].due > now) continue;
    states_[i].asking = true;
    due.push_back(i);
  }
  return due;
}

bool AlternateHealth::on_result(size_t index, Result result, Instant now, RandomSource& random) {
  State& state = states_[index];
  const auto jitter = random.next() % static_cast<uint64_t>(kJitter.count() + 1);
  state.asking = false;
  state.due = now + kPeriod + milliseconds(jitter);
  const bool answers = result == Result::answered;
  const bool news = !state.known || state.answers != answers;
  state.known = true;
  state.answers = answers;
  return news;
}

const AlternateHealth::State& AlternateHealth::state_of(const Endpoint& address,
                                                        Transport transport) const {
  const AlternateQuestion question = {address, transport};
  const auto found = std::find_if(states_.begin(), states_.end(),
                                  [&](const State& state) { return state.question == question; });
  CHECK(found != states_.end());
  return *found;
}

std::vector<AlternateServer> AlternateHealth::healthy() const {
  std::vector<AlternateServer> servers;
  for (const AlternateServer& server : configured_) {
    AlternateServer answering{server.address, {}};
    for (const Transport transport : server.transports) {
      const State& state = state_of(server.address, transport);
      if (state.own || state.answers) answering.transports.push_back(transport);
    }
    if (!answering.transports.empty()) servers.push_back(std::move(answering));
  }
  return servers;
}

}  // namespace turnpike::server
