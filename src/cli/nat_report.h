// What `turnpike nat` found, as text and as JSON.
#pragma once

#include <string>

#include "client/nat_probe.h"

namespace turnpike::cli {

std::string nat_text(const client::NatReport& report, const client::NatProbeOptions& options);
std::string nat_json(const client::NatReport& report, const client::NatProbeOptions& options);

}  // namespace turnpike::cli
