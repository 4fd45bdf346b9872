// How many processors this process may really use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace turnpike::server {

// The least of the affinity mask and the control groups' quotas, rounded up; at least 1.
uint32_t usable_cpus();

// The least quota of the groups that a process is in and of those around them, in whole processors.
// `membership`: the text of /proc/self/cgroup; `root`: where the control groups are mounted, of
// version 2 or 1.
std::optional<uint32_t> cpus_from_cgroups(std::string_view membership, const std::string& root);

}  // namespace turnpike::server
