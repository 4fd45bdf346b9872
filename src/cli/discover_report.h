// What `turnpike discover` found, in words for standard error: what went wrong, and what to do
// about it.
#pragma once

#include <string>

#include "client/discovery.h"

namespace turnpike::cli {

// The exit codes of `turnpike discover`, beside the common ones.
enum class DiscoverExit : uint8_t {
  found = 0,
  failure = 1,
  usage = 2,
  udp_blocked = 3,
  servers_unreachable = 4,
  port_in_use = 5,
  endpoint_dependent = 6,
  unconfirmed = 7,
};

struct DiscoverProblem {
  DiscoverExit exit_code;
  std::string what;
  std::string advice;
};
// For every verdict but `found`.
DiscoverProblem explain(const client::DiscoveryReport& report,
                        const client::DiscoveryOptions& options);

// A line for each server: who said what.
std::string describe_servers(const client::DiscoveryReport& report);

}  // namespace turnpike::cli
