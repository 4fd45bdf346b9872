// A shape of load: what the clients of one thread do.
#pragma once

#include <memory>

#include "cli/load_engine.h"
#include "cli/load_stats.h"

namespace turnpike::cli {

// When what happens counts. Told by the main thread once every client is set up.
struct LoadTimes {
  Instant measure_from;
  Instant end;

  [[nodiscard]] bool measured(Instant now) const { return now >= measure_from && now < end; }
};

class LoadWork {
 public:
  virtual ~LoadWork() = default;

  // Returns when every client is ready or has failed. The error: this process lacks something.
  virtual std::optional<std::string> set_up() = 0;
  // Loads until times.end, then waits for what is still on its way.
  virtual void run(const LoadTimes& times) = 0;
  virtual void tear_down() = 0;
  [[nodiscard]] virtual const LoadStats& stats() const = 0;
  [[nodiscard]] virtual OwnDrops own_drops() const = 0;
};

// The part of the load that thread `index` of options.threads has.
struct LoadPart {
  uint32_t index;
  uint32_t clients;
  uint64_t run;  // Marks the datagrams of this run.
  Ip peer_ip;
};

std::unique_ptr<LoadWork> make_load_work(const LoadOptions& options, const Target& target,
                                         const LoadPart& part);

// What is on its way for longer is lost.
constexpr Duration kDrainTime = milliseconds(500);

}  // namespace turnpike::cli
