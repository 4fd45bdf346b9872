// How a NAT behaves, and what that is called: RFC 4787's axes, RFC 3489's names, the gamers'
// levels.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace turnpike::client {

// RFC 4787 sections 4.1 and 5.
enum class NatBehavior : uint8_t {
  unknown,
  endpoint_independent,
  address_dependent,
  address_and_port_dependent,
  endpoint_dependent,  // One of the last two: which one took a second address of a server.
};

enum class NatPresence : uint8_t { unknown, none, translated, blocked };

// The one word for people. NAT0 to NAT4 count from open to symmetric.
enum class NatClass : uint8_t {
  unknown,
  blocked,
  open_internet,
  firewall,            // No translation; what was not asked for is kept out.
  symmetric_firewall,  // The same, by address and port.
  full_cone,
  restricted_cone,
  port_restricted_cone,
  symmetric,
  cone,          // Endpoint-independent mapping, unknown filtering.
  untranslated,  // No translation, unknown filtering.
};

NatClass classify_nat(NatPresence presence, NatBehavior mapping, NatBehavior filtering);

std::string_view name(NatClass nat);
std::string_view name(NatBehavior behavior);
// 0 to 4; nothing for what has no level.
std::optional<int> nat_level(NatClass nat);
// What to do with such a NAT, in a sentence or a few.
std::string_view advice(NatClass nat);

}  // namespace turnpike::client
