// JSON in and out of the API.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "http/message.h"

namespace turnpike::admin {

using Json = nlohmann::ordered_json;

// Deeper than any body that the API takes.
constexpr size_t kMaxJsonDepth = 8;

// The error says what is wrong, without repeating the text.
Result<Json, std::string> parse_json(std::string_view text);

// Valid JSON whatever the strings hold: what is not UTF-8 becomes U+FFFD.
std::string to_text(const Json& json);

http::Response reply(int status, const Json& json);
// {"error": {"code": ..., "message": ...}}
http::Response refuse(int status, std::string_view code, std::string_view message);

}  // namespace turnpike::admin
