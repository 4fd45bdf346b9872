// Runs a command of the user's when something has changed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace turnpike::nat {

// By /bin/sh, with `variables` ("NAME=value") added to the environment and nothing to read; what it
// prints goes to our standard error. Waits until it has ended, at most `patience`; then it is
// killed, with all that it started. The answer is its exit code, 128 and the number for a signal.
Result<int, std::string> run_hook(const std::string& command,
                                  const std::vector<std::string>& variables, Duration patience);

}  // namespace turnpike::nat
