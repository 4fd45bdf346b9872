// What no single option can know: whether they fit together.
#pragma once

#include "config/load.h"

namespace turnpike::config {

// Adds to errors and warnings, each with the place of the option that it is about; and settles what
// follows from combinations (a second port equal to the first is none).
void validate(LoadResult& result);

}  // namespace turnpike::config
