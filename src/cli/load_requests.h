// Load made of requests: whole lives of allocations, and Binding.
#pragma once

#include <vector>

#include "cli/load_pacer.h"
#include "cli/load_shape.h"

namespace turnpike::cli {

// Each cycle is an allocation, a permission, a channel and the release, from a client that the
// server has not met before.
class ChurnLoad final : public LoadWork {
 public:
  ChurnLoad(const LoadOptions& options, const Target& target, const LoadPart& part);

  std::optional<std::string> set_up() override;
  void run(const LoadTimes& times) override;
  void tear_down() override;
  [[nodiscard]] const LoadStats& stats() const override { return stats_; }
  [[nodiscard]] OwnDrops own_drops() const override { return engine_.own_drops(); }

 private:
  using SeatId = LoadEngine::SeatId;

  void begin_cycle(SeatId id);
  void on_broken(SeatId id);
  void finish(SeatId id);
  void on_event(SeatId id, const client::Event& event);

  const LoadOptions& options_;
  LoadPart part_;
  LoadEngine engine_;
  std::vector<Instant> begun_at_;
  std::vector<SeatId> free_;
  std::vector<bool> busy_;  // In a cycle.
  LoadTimes times_{Instant::max(), Instant::max()};
  LoadStats stats_;
};

class BindingLoad final : public LoadWork {
 public:
  BindingLoad(const LoadOptions& options, const Target& target, const LoadPart& part);

  std::optional<std::string> set_up() override;
  void run(const LoadTimes& times) override;
  void tear_down() override {}
  [[nodiscard]] const LoadStats& stats() const override { return stats_; }
  [[nodiscard]] OwnDrops own_drops() const override { return engine_.own_drops(); }

 private:
  using SeatId = LoadEngine::SeatId;

  const LoadOptions& options_;
  LoadPart part_;
  LoadEngine engine_;
  LoadTimes times_{Instant::max(), Instant::max()};
  LoadStats stats_;
};

}  // namespace turnpike::cli
