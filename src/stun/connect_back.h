// A method of our own: ConnectBack asks the server to open a TCP connection to the client, so that
// the client learns what its NAT lets in (src/README.md has the whole of it).
//
// It is in no registry, and so not among the methods of types.h. The number lies at the end of the
// range that demultiplexing leaves to STUN (RFC 8489 section 18.2, RFC 7983).
#pragma once

#include "stun/types.h"

namespace turnpike::stun {

inline constexpr auto kConnectBackMethod = static_cast<Method>(0x0fe);

}  // namespace turnpike::stun
