// When the server ends: at once, or when its sessions have ended, or when the time for that is
// over.
#pragma once

#include <optional>

#include "base/time.h"

namespace turnpike::server {

class Shutdown {
 public:
  enum class Verdict : uint8_t { nothing_new, begin_drain, stop };

  // SIGTERM. The second one stops, whatever there is left.
  Verdict on_terminate(Instant now, seconds drain_timeout);
  // SIGUSR1 or an operator: no deadline unless one is given. Asked again, the new deadline counts.
  Verdict on_drain(Instant now, std::optional<seconds> within);
  // From time to time: whether it is over.
  [[nodiscard]] Verdict look(Instant now, uint64_t allocations, uint64_t enough) const;

  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] std::optional<Instant> deadline() const { return deadline_; }

 private:
  bool draining_ = false;
  bool terminated_ = false;
  std::optional<Instant> deadline_;
};

}  // namespace turnpike::server
