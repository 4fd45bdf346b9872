#include "metrics/process.h"

#include <gtest/gtest.h>

namespace turnpike::metrics {
namespace {

constexpr std::string_view kLine =
    "4711 (a ) b) S 1 4711 4711 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 5 0 700 1048576 256 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0\n";

TEST(ProcessStat, ReadsTheFieldsBehindAnyProgramName) {
  const auto stat = parse_process_stat(kLine, 100, 4096);
  ASSERT_TRUE(stat);
  EXPECT_DOUBLE_EQ(stat->cpu_seconds, 2.0);
  EXPECT_DOUBLE_EQ(stat->start_seconds_after_boot, 7.0);
  EXPECT_EQ(stat->threads, 5U);
  EXPECT_EQ(stat->virtual_bytes, 1048576U);
  EXPECT_EQ(stat->resident_bytes, 1048576U);
}

TEST(ProcessStat, HasNothingToSayAboutADamagedText) {
  for (const std::string_view text : {"", "4711", "4711 (x)", "4711 (x) S 1 2 3\n"}) {
    EXPECT_FALSE(parse_process_stat(text, 100, 4096)) << text;
  }
  EXPECT_FALSE(parse_process_stat(kLine, 0, 4096));
}

TEST(ProcessMetrics, TellsAboutThisProcess) {
  Page page;
  add_process_metrics(page);
  const std::string text = page.to_text();
  for (const std::string_view name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                                      "process_virtual_memory_bytes", "process_start_time_seconds",
                                      "process_open_fds", "process_max_fds", "process_threads"}) {
    EXPECT_NE(text.find("\n" + std::string(name) + " "), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace turnpike::metrics
