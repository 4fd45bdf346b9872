// How many processors this process may really use.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace turnpike::server {

// The least of the affinity mask and the control group's quota, rounded up; at least 1.
uint32_t usable_cpus();

// The quota in whole processors from the text of cgroup v2's cpu.max ("max 100000" has none).
std::optional<uint32_t> cpus_from_cgroup(std::string_view cpu_max);

}  // namespace turnpike::server
