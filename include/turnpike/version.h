// The version of Turnpike.
#pragma once

#include <string_view>

namespace turnpike {

constexpr std::string_view kVersion = "0.1.0";

}  // namespace turnpike
