#include "support/source_tree.h"

namespace turnpike::testing {

std::string source_tree() {
  return TURNPIKE_SOURCE_DIR;
}

}  // namespace turnpike::testing
