// One "name = value" as it stands in its source, not yet understood.
#pragma once

#include <optional>
#include <string>

#include "config/problem.h"

namespace turnpike::config {

struct Setting {
  std::string name;
  std::optional<std::string> value;  // Absent: the name stood alone.
  Place place;
};

}  // namespace turnpike::config
