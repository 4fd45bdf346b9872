#include "auth/time_limited.h"

#include <charconv>

#include "base/base64.h"

namespace turnpike::auth {
namespace {

std::optional<int64_t> parse_timestamp(std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty() || value < 0) return {};
  return value;
}

}  // namespace

std::optional<TimeLimitedName> parse_time_limited(std::string_view username, char separator) {
  const size_t first = username.find(separator);
  if (const auto expires = parse_timestamp(username.substr(0, first))) {
    const auto user =
        first == std::string_view::npos ? std::string_view() : username.substr(first + 1);
    return TimeLimitedName{*expires, user};
  }
  const size_t last = username.rfind(separator);
  if (last == std::string_view::npos) return {};
  if (const auto expires = parse_timestamp(username.substr(last + 1))) {
    return TimeLimitedName{*expires, username.substr(0, last)};
  }
  return {};
}

std::string time_limited_password(std::string_view secret, std::string_view username) {
  return base64_encode(stun::hmac_sha1(as_bytes(secret), as_bytes(username)));
}

}  // namespace turnpike::auth
