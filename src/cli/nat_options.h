// What `turnpike discover` and `turnpike nat` have in common: which servers, from which port, how.
#pragma once

#include <optional>
#include <string>

#include "cli/option_parser.h"
#include "cli/target_options.h"
#include "client/discovery.h"

namespace turnpike::cli {

void add_nat_options(boost::program_options::options_description& options);
Problem take_nat_options(const ParsedOptions& given, client::DiscoveryOptions& options);

}  // namespace turnpike::cli
