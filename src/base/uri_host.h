// A host as it stands in a stun: or turn: URI (RFC 7064, RFC 7065).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace turnpike {

struct UriHost {
  std::string text;  // IPv6 in brackets.
  bool is_address;   // Not a name: a certificate is seldom made out for it.

  // Takes IPv6 with or without brackets. Nothing when it is neither a name nor an address.
  static std::optional<UriHost> parse(std::string_view text);

  friend bool operator==(const UriHost&, const UriHost&) = default;
};

}  // namespace turnpike
