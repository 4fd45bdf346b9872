// JSON strings for the few places that write JSON by hand (log lines, command output).
#pragma once

#include <string>
#include <string_view>

namespace turnpike {

// Appends `text` as a quoted JSON string. Bytes that are not UTF-8 become U+FFFD, so the result is
// always valid JSON, whatever a database or a client put into the text.
void append_json_string(std::string& out, std::string_view text);

std::string json_string(std::string_view text);

// RFC 3629.
bool is_utf8(std::string_view text);

}  // namespace turnpike
