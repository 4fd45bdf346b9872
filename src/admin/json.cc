#include "admin/json.h"

namespace turnpike::admin {
namespace {

// Without parsing: brackets outside of strings.
size_t depth_of(std::string_view text) {
  size_t depth = 0;
  size_t deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return deepest;
}

}  // namespace

Result<Json, std::string> parse_json(std::string_view text) {
  if (depth_of(text) > kMaxJsonDepth) {
    return unexpected(std::string("the body is nested too deeply"));
  }
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return unexpected(std::string("the body is not JSON"));
  return json;
}

std::string to_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

http::Response reply(int status, const Json& json) {
  return {.status = status, .body = to_text(json)};
}

http::Response refuse(int status, std::string_view code, std::string_view message) {
  return reply(status, {{"error", {{"code", code}, {"message", message}}}});
}

}  // namespace turnpike::admin
