#include "server/shutdown.h"

namespace turnpike::server {

Shutdown::Verdict Shutdown::on_terminate(Instant now, seconds drain_timeout) {
  if (terminated_ || drain_timeout <= seconds(0)) return Verdict::stop;
  terminated_ = true;
  return on_drain(now, drain_timeout);
}

Shutdown::Verdict Shutdown::on_drain(Instant now, std::optional<seconds> within) {
  if (within) deadline_ = now + *within;
  if (draining_) return Verdict::nothing_new;
  draining_ = true;
  return Verdict::begin_drain;
}

Shutdown::Verdict Shutdown::look(Instant now, uint64_t allocations, uint64_t enough) const {
  if (!draining_) return Verdict::nothing_new;
  const bool late = deadline_ && now >= *deadline_;
  return late || allocations <= enough ? Verdict::stop : Verdict::nothing_new;
}

}  // namespace turnpike::server
