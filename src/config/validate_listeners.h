// Checks of the listeners beyond the two ordinary ports; part of validate().
#pragma once

#include "config/config.h"
#include "config/remarks.h"

namespace turnpike::config {

// `tcp-proxy-port` and `proxy-from`.
void check_proxy(const Config& config, Remarks& remarks);

// `alternate-server` and the like.
void check_alternate_servers(const Config& config, Remarks& remarks);

// `rfc5780` and the ports that it takes.
void check_second_addresses(const Config& config, Remarks& remarks);

}  // namespace turnpike::config
