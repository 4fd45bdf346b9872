// Where the tests find the files that they read: fixtures, and what stands in etc/.
#pragma once

#include <string>

namespace turnpike::testing {

// The top folder of the source tree, without a slash at the end.
std::string source_tree();

}  // namespace turnpike::testing
