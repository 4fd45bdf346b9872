// What `turnpike discover` was asked to do.
#pragma once

#include "base/result.h"
#include "cli/commands.h"
#include "cli/nat_options.h"
#include "nat/publisher.h"

namespace turnpike::cli {

inline constexpr const char* kDiscoverCommand = "turnpike discover";

struct DiscoverOptions {
  client::DiscoveryOptions discovery;
  nat::AnswerFormat format = nat::AnswerFormat::both;
  nat::PublisherSettings publish;
  bool accept_single = false;
  bool quiet = false;
  bool watch = false;
  Duration interval = seconds(30);
};

// The options, or the code to leave with: what was wrong is told by then, or --help was answered.
Result<DiscoverOptions, int> parse_discover_options(Arguments arguments);

// SERVER_IP and SERVER_PUBLIC_PORT of the environment go over what was found.
struct Overrides {
  std::string ip;     // Empty: not set.
  uint16_t port = 0;  // 0: not set.

  [[nodiscard]] bool complete() const { return !ip.empty() && port != 0; }
  void apply(nat::PublishedAddress& address) const;
};
Result<Overrides, std::string> overrides_from_environment();

}  // namespace turnpike::cli
