#include "server/cpu_count.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include <sched.h>

namespace turnpike::server {
namespace {

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop == text.data()) return {};
  return value;
}

std::optional<uint32_t> cgroup_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string line;
  if (!std::getline(file, line)) return {};
  return cpus_from_cgroup(line);
}

}  // namespace

std::optional<uint32_t> cpus_from_cgroup(std::string_view cpu_max) {
  const size_t space = cpu_max.find(' ');
  if (space == std::string_view::npos) return {};
  const auto quota = parse_number(cpu_max.substr(0, space));
  const auto period = parse_number(cpu_max.substr(space + 1));
  if (!quota || !period || *period == 0) return {};
  const uint64_t cpus = (*quota + *period - 1) / *period;
  return static_cast<uint32_t>(std::clamp<uint64_t>(cpus, 1, 4096));
}

uint32_t usable_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  const bool known = sched_getaffinity(0, sizeof(mask), &mask) == 0;
  const uint32_t allowed = known ? static_cast<uint32_t>(CPU_COUNT(&mask)) : 1;
  return std::max(1U, std::min(allowed, cgroup_quota().value_or(allowed)));
}

}  // namespace turnpike::server
