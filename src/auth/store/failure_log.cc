#include "auth/store/failure_log.h"

#include <bit>

namespace turnpike::auth {

std::optional<uint64_t> FailureLog::on_failure(DatabaseError error) {
  successes_ = 0;
  if (present_ == error) return {};
  present_ = error;
  const uint64_t times = ++begun_.at(static_cast<size_t>(error));
  if (!std::has_single_bit(times)) return {};
  reported_ = true;
  return times;
}

bool FailureLog::on_success() {
  present_.reset();
  if (++successes_ == kForgetAfter) begun_ = {};
  const bool was_reported = reported_;
  reported_ = false;
  return was_reported;
}

}  // namespace turnpike::auth
