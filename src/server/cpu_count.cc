#include "server/cpu_count.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include <sched.h>

namespace turnpike::server {
namespace {

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop == text.data()) return {};
  return value;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<uint32_t> processors(std::optional<uint64_t> quota, std::optional<uint64_t> period) {
  if (!quota || !period || *period == 0) return {};
  const uint64_t cpus = (*quota + *period - 1) / *period;
  return static_cast<uint32_t>(std::clamp<uint64_t>(cpus, 1, 4096));
}

// Version 2: "50000 100000", or "max 100000" where there is no quota.
std::optional<uint32_t> quota_of_unified(const std::string& folder) {
  const std::string line = first_line(folder + "/cpu.max");
  const size_t space = line.find(' ');
  if (space == std::string::npos) return {};
  return processors(parse_number(line.substr(0, space)), parse_number(line.substr(space + 1)));
}

// Version 1 has -1 where there is no quota.
std::optional<uint32_t> quota_of_legacy(const std::string& folder) {
  return processors(parse_number(first_line(folder + "/cpu.cfs_quota_us")),
                    parse_number(first_line(folder + "/cpu.cfs_period_us")));
}

// Of the group and of all around it. Inside a container the path may be the host's, of which
// nothing is to be seen but the root.
template <typename Quota>
void look_upwards(const std::string& mount, std::string path, const Quota& quota,
                  std::optional<uint32_t>& least) {
  for (;;) {
    if (const auto cpus = quota(mount + path)) least = std::min(least.value_or(*cpus), *cpus);
    if (path.empty()) return;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<uint32_t> cpus_from_cgroups(std::string_view membership, const std::string& root) {
  std::optional<uint32_t> least;
  while (!membership.empty()) {
    const size_t end = std::min(membership.find('\n'), membership.size());
    const std::string_view line = membership.substr(0, end);
    membership.remove_prefix(std::min(end + 1, membership.size()));
    // cgroups(7): "id:controllers:/path"; no controllers are version 2.
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string path(line.substr(second + 1));
    if (path == "/") path.clear();
    if (controllers.empty()) {
      look_upwards(root, path, quota_of_unified, least);
    } else if (names_cpu(controllers)) {
      look_upwards(root + "/cpu", path, quota_of_legacy, least);
    }
  }
  return least;
}

uint32_t usable_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  const bool known = sched_getaffinity(0, sizeof(mask), &mask) == 0;
  const uint32_t allowed = known ? static_cast<uint32_t>(CPU_COUNT(&mask)) : 1;
  std::ifstream file("/proc/self/cgroup");
  const std::string membership{std::istreambuf_iterator<char>(file), {}};
  const auto quota = cpus_from_cgroups(membership, "/sys/fs/cgroup");
  return std::max(1U, std::min(allowed, quota.value_or(allowed)));
}

}  // namespace turnpike::server
