// The process metrics that every Prometheus exporter has, under the names that they all use.
#pragma once

#include <optional>
#include <string_view>

#include "metrics/page.h"

namespace turnpike::metrics {

// Of the text of /proc/self/stat.
struct ProcessStat {
  double cpu_seconds = 0;
  double start_seconds_after_boot = 0;
  uint64_t virtual_bytes = 0;
  uint64_t resident_bytes = 0;
  uint64_t threads = 0;
};
std::optional<ProcessStat> parse_process_stat(std::string_view text, long ticks_per_second,
                                              long page_size);

// What cannot be read is left out.
void add_process_metrics(Page& page);

}  // namespace turnpike::metrics
