// A server that only remembers what it was asked.
#pragma once

#include "server/control.h"

namespace turnpike::admin {

struct FakeControl final : server::Control {
  Result<server::SessionPage, server::ControlError> sessions(
      const server::SessionQuery& query) override {
    last_query = query;
    if (silent) return unexpected(server::ControlError::no_answer);
    return page;
  }
  Result<uint64_t, server::ControlError> kill(const server::SessionFilter& filter) override {
    last_kill = filter;
    ++kills;
    if (silent) return unexpected(server::ControlError::no_answer);
    return killed;
  }
  Result<std::vector<server::Refusal>, server::ControlError> refusals(size_t) override {
    return refused;
  }
  Result<server::ReloadReport, server::ControlError> reload() override { return report; }
  Result<void, server::ControlError> drain(std::optional<seconds> within) override {
    ++drains;
    drain_within = within;
    return {};
  }
  void users_changed() override { ++user_changes; }
  server::ServerStatus status() override { return state; }
  std::shared_ptr<const server::Configuration> configuration() override {
    return std::make_shared<const server::Configuration>(in_force);
  }

  bool silent = false;
  server::SessionQuery last_query;
  server::SessionPage page;
  server::SessionFilter last_kill;
  int kills = 0;
  uint64_t killed = 0;
  std::vector<server::Refusal> refused;
  server::ReloadReport report;
  int drains = 0;
  std::optional<seconds> drain_within;
  int user_changes = 0;
  server::ServerStatus state;
  server::Configuration in_force;
};

}  // namespace turnpike::admin
