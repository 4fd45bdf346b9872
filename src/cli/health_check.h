// Whether the server of this host answers as its configuration says: one Binding request and one
// Allocate request that nobody has signed, which leaves nothing behind. For container runtimes and
// load balancers that call a program; it needs no credentials and takes milliseconds.
#pragma once

#include <string>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "config/config.h"

namespace turnpike::cli {

// Where this host reaches its own server, which is not always where clients do.
Endpoint local_endpoint(const config::Config& config);

// What answered, in words; the error says what did not.
Result<std::string, std::string> check_health(const config::Config& config, Duration patience);

}  // namespace turnpike::cli
