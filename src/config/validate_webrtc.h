// Checks of the credentials for web pages; part of validate().
#pragma once

#include "config/config.h"
#include "config/remarks.h"

namespace turnpike::config {

// `rest-listen` and what belongs to it.
void check_rest(const Config& config, Remarks& remarks);

}  // namespace turnpike::config
