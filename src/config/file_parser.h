// The turnserver.conf form: one setting a line, "name=value", "name value" or "name" alone.
//
// A "#" begins a comment at the start of a line and after white space; elsewhere it belongs to the
// value, so that a secret may hold one. A value in double quotes is taken as it is between them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "config/setting.h"

namespace turnpike::config {

// A file of ten thousand users fits many times; what is larger is not a configuration.
constexpr size_t kMaxFileSize = size_t{4} << 20;
constexpr size_t kMaxLineSize = size_t{16} << 10;

// Pure. Lines that cannot be read are added to `errors`; the others are returned.
std::vector<Setting> parse_file(std::string_view text, const std::string& source,
                                std::vector<Problem>& errors);

}  // namespace turnpike::config
