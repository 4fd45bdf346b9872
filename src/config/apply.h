// Settings to values: looks each up in the option table and stores it, or says what is wrong.
#pragma once

#include "config/load.h"
#include "config/setting.h"

namespace turnpike::config {

// What stands for a secret in printed configurations; refused as a value.
constexpr std::string_view kMask = "********";

void apply_setting(const Setting& setting, LoadResult& result);

}  // namespace turnpike::config
