// `turnpike discover --watch`: looks again and again, and publishes what has changed.
#pragma once

#include <functional>

#include "cli/discover_options.h"

namespace turnpike::cli {

// What is to be done with a report; the code that a single discovery would end with.
using OnReport = std::function<int(const client::DiscoveryReport&)>;

// Until SIGTERM or SIGINT. A change of this host's addresses is looked at at once.
int watch_discovery(const DiscoverOptions& options, const OnReport& on_report);

}  // namespace turnpike::cli
