// Decides which failures of the database get a line in the log: each kind once when it begins, and
// a kind that keeps coming and going ever more rarely. Counts instead of clocks, since nothing here
// may ask for the time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "auth/store/database_error.h"

namespace turnpike::auth {

class FailureLog {
 public:
  // A use of the database failed. The times that this kind has begun so far, when that is worth a
  // line: the 1st, 2nd, 4th, 8th, ... time.
  std::optional<uint64_t> on_failure(DatabaseError error);

  // A use succeeded. True when a failure was reported that is now over.
  bool on_success();

 private:
  // After so many successes in a row (the store is asked at least twice a second) the past counts
  // no more.
  static constexpr uint64_t kForgetAfter = 7200;
  static constexpr size_t kKinds = static_cast<size_t>(DatabaseError::failed) + 1;

  std::array<uint64_t, kKinds> begun_{};
  std::optional<DatabaseError> present_;
  bool reported_ = false;
  uint64_t successes_ = 0;
};

}  // namespace turnpike::auth
