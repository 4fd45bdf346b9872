// What a run of the load generator found, for people and for programs.
#pragma once

#include <optional>

#include "cli/load_options.h"
#include "cli/load_stats.h"
#include "cli/server_usage.h"

namespace turnpike::cli {

struct LoadReport {
  LoadStats stats;
  OwnDrops own_drops;
  // Before the first client, with all of them ready, and around the measured time.
  std::optional<ServerUsage> before;
  std::optional<ServerUsage> ready;
  std::optional<ServerUsage> begin;
  std::optional<ServerUsage> end;
  Duration own_cpu{};  // Of this process, in the measured time.
};

void print_text(const LoadOptions& options, const LoadReport& report);
void print_json(const LoadOptions& options, const LoadReport& report);

}  // namespace turnpike::cli
