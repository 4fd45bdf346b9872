// Names to addresses, by the system's resolver. Blocks: for command-line tools only.
#pragma once

#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"

namespace turnpike::net {

// All addresses of a host name, in the order that the system prefers, or the one that is written
// there. The error is a sentence of the resolver's.
Result<std::vector<Ip>, std::string> resolve(const std::string& host);

}  // namespace turnpike::net
