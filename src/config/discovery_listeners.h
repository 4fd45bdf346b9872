// The listening addresses that RFC 5780 needs on top of the ordinary ones: two addresses of a
// family by two ports. RFC 3489 wants the same.
#pragma once

#include <array>
#include <vector>

#include "config/config.h"

namespace turnpike::config {

// The address and what differs from it in the IP, in the port, and in both:
// {A1:P1, A1:P2, A2:P1, A2:P2}.
using EndpointSquare = std::array<Endpoint, 4>;

// Whether clients may be told of a second address at all.
bool wants_second_address(const Config& config);

// The listening addresses by twos, in the order in which they were given, with each pair of ports;
// none when clients are not to be told of a second address. Two belong together when they are of
// one family, both or neither of them loopback, and seen as two by clients.
std::vector<EndpointSquare> discovery_squares(const Config& config);

// The second port; `configured` is 0 where nobody chose one.
uint16_t alternate_of(uint16_t port, uint16_t configured);

}  // namespace turnpike::config
