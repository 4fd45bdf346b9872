// Time-limited users (the "TURN REST" form): username "timestamp:name", password
// base64(HMAC-SHA1(secret, username)), valid until the timestamp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/credentials.h"
#include "base/time.h"

namespace turnpike::auth {

struct TimeLimitedName {
  int64_t expires_unix_s;
  std::string_view user;  // The part that is not the timestamp; may be empty.
};

// "ts", "ts:user" or "user:ts" with the separator given; nothing when no part is a timestamp.
std::optional<TimeLimitedName> parse_time_limited(std::string_view username, char separator);

std::string time_limited_password(std::string_view secret, std::string_view username);

}  // namespace turnpike::auth
