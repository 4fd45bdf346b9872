// What `turnpike discover` found, as text: the answer for standard output, and what went wrong and
// what to do about it for standard error.
#pragma once

#include <optional>
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

enum class AnswerFormat : uint8_t { port, ip, both, json, env };
std::optional<AnswerFormat> parse_answer_format(std::string_view text);

// One mapping, as it is published. What the environment says goes over what was found.
struct PublishedAddress {
  std::string ip;  // Or a name that the user gave.
  uint16_t port = 0;
  std::string local_ip;
  uint16_t local_port = 0;
  bool tcp = false;
  bool translated = true;

  friend bool operator==(const PublishedAddress&, const PublishedAddress&) = default;
};

// Without a final line feed.
std::string format_answer(const PublishedAddress& address, AnswerFormat format);

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
