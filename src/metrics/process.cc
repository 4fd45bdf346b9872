#include "metrics/process.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace turnpike::metrics {
namespace {

std::string read_file(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::optional<uint64_t> number_after(std::string_view text, std::string_view name) {
  const size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  std::string_view rest = text.substr(at + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  uint64_t value = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (parsed.ec != std::errc()) return {};
  return value;
}

std::optional<uint64_t> open_descriptors() {
  // Linux 6.2 tells the number as the folder's size; before that it is 0 and they must be counted.
  struct stat status {};
  if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0) {
    return static_cast<uint64_t>(status.st_size);
  }
  std::error_code error;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  if (error) return {};
  return count;
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view text, long ticks_per_second,
                                              long page_size) {
  // The second field is the program's name in parentheses, which may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos || ticks_per_second <= 0) return {};
  text.remove_prefix(name_end + 1);
  // Fields 3 to 24 of proc(5); those that we need are unsigned.
  constexpr size_t kFields = 22;
  std::array<uint64_t, kFields> fields{};
  for (uint64_t& field : fields) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const size_t size = std::min(text.find_first_of(" \n"), text.size());
    if (size == 0) return {};
    std::from_chars(text.data(), text.data() + size, field);
    text.remove_prefix(size);
  }
  const auto at = [&fields](size_t number) { return fields.at(number - 3); };
  const auto ticks = static_cast<double>(ticks_per_second);
  ProcessStat stat;
  stat.cpu_seconds = static_cast<double>(at(14) + at(15)) / ticks;
  stat.threads = at(20);
  stat.start_seconds_after_boot = static_cast<double>(at(22)) / ticks;
  stat.virtual_bytes = at(23);
  stat.resident_bytes = at(24) * static_cast<uint64_t>(page_size);
  return stat;
}

void add_process_metrics(Page& page) {
  const auto stat =
      parse_process_stat(read_file("/proc/self/stat"), sysconf(_SC_CLK_TCK), sysconf(_SC_PAGESIZE));
  if (stat) {
    page.counter("process_cpu_seconds_total", "CPU time used, user and system.")
        .add_real({}, stat->cpu_seconds);
    page.gauge("process_resident_memory_bytes", "Memory in RAM.").add({}, stat->resident_bytes);
    page.gauge("process_virtual_memory_bytes", "Address space in use.")
        .add({}, stat->virtual_bytes);
    page.gauge("process_threads", "Threads.").add({}, stat->threads);
    if (const auto boot = number_after(read_file("/proc/stat"), "btime ")) {
      page.gauge("process_start_time_seconds", "When the process was started, in Unix time.")
          .add_real({}, static_cast<double>(*boot) + stat->start_seconds_after_boot);
    }
  }
  if (const auto open = open_descriptors()) {
    page.gauge("process_open_fds", "Open file descriptors.").add({}, *open);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    page.gauge("process_max_fds", "File descriptors that may be open at once.")
        .add({}, static_cast<uint64_t>(limit.rlim_cur));
  }
}

}  // namespace turnpike::metrics
