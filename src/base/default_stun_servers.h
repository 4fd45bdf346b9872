// The STUN servers that are asked when none are named: public ones, of several operators.
#pragma once

#include <array>
#include <string_view>

namespace turnpike {

constexpr std::array<std::string_view, 4> kDefaultStunServers = {
    "stun.cloudflare.com:3478", "stun.l.google.com:19302", "stun.nextcloud.com:3478",
    "stunserver2025.stunprotocol.org:3478",  // With two addresses (RFC 5780).
};

}  // namespace turnpike
