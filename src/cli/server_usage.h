// What a server process on this host has used up so far, as the kernel counts it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace turnpike::cli {

struct ServerUsage {
  Duration cpu{};          // Of all its threads that still run.
  uint64_t resident = 0;   // Bytes: VmRSS.
  uint64_t anonymous = 0;  // Bytes: RssAnon, which is its own memory without files and libraries.
  uint64_t switches = 0;   // Context switches of those threads.
  uint32_t threads = 0;
};

// Nothing when there is no such process, or it isn't ours to see.
std::optional<ServerUsage> server_usage(int pid);

}  // namespace turnpike::cli
