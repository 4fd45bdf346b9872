// The ORIGIN attribute (draft-ietf-tram-stun-origin): where the page comes from that makes a client
// ask. One server can so serve several realms.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace turnpike::auth {

constexpr size_t kMaxOriginSize = 267;

// "scheme://host:port" in lower case, with the port of http and https made explicit, as coturn's
// tools store it; what stands behind the port is left out. What is not of that form stays as it is.
// Nothing: empty, too long, or with a control character in it.
std::optional<std::string> canonical_origin(std::string_view text);

}  // namespace turnpike::auth
