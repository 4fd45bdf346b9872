// Between the values of include/turnpike/discovery.h and our own.
#pragma once

#include <string>

#include "base/result.h"
#include "client/nat_probe.h"
#include "turnpike/discovery.h"

namespace turnpike::embed {

// The error is a sentence.
Result<client::DiscoveryOptions, std::string> to_options(const discovery::Options& options);
Result<client::NatProbeOptions, std::string> to_options(const discovery::NatOptions& options);

discovery::PublicAddress from_report(const client::DiscoveryReport& report);
discovery::Nat from_report(const client::NatReport& report);

}  // namespace turnpike::embed
