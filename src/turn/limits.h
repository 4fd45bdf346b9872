// Every cap of the protocol core, with its reason. Each is counted when it is hit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace turnpike::turn {

// RFC 8656 section 3.2: the default lifetime; a smaller wish is raised to it.
constexpr seconds kDefaultLifetime{600};
// RFC 8656 section 7.2 recommends at most an hour.
constexpr seconds kMaxLifetime{3600};
constexpr seconds kPermissionLifetime{300};  // RFC 8656 section 9.
constexpr seconds kChannelLifetime{600};     // RFC 8656 section 12.
constexpr seconds kReservationLifetime{30};  // RFC 8656 section 7.2, the least it allows.

// A browser in a large conference talks to a few dozen peers; a scanner wants thousands.
constexpr size_t kMaxPermissions = 256;
constexpr size_t kMaxChannels = 256;

// RFC 6062: connections with peers of one allocation, whatever their state. Each may hold two
// descriptors and a bounded buffer in either direction.
constexpr size_t kMaxConnections = 64;
// RFC 6062 sections 5.2 and 5.3: at least 30 seconds for the peer to be reached, and 30 seconds for
// the client to bind a connection.
constexpr seconds kConnectionWait{30};

// Requests that wait for the user store. They are copies, so both number and size are bounded; a
// client asks again after 500 ms, and by then the answer is there.
constexpr size_t kMaxParkedRequests = 1024;
constexpr size_t kMaxParkedSize = 2048;
constexpr seconds kParkedLifetime{2};

// Users remembered per worker: twice this many at most, about 300 bytes each.
constexpr size_t kKeyCacheGeneration = 8192;
constexpr seconds kKeyCacheLifetime{600};

// The longest answer: a challenge with REALM and SOFTWARE of the 763 bytes that RFC 8489 allows
// each. What does not depend on the operator's texts stays below 400 bytes; UNKNOWN-ATTRIBUTES is
// the only list and is capped.
constexpr size_t kMaxReplySize = 2048;
constexpr size_t kMaxUnknownAttributes = 16;

// RFC 5780 section 6.1 wants as much PADDING as the outgoing interface's MTU, so that the answer is
// cut into fragments; this is Ethernet's, and no path of the Internet carries more.
constexpr size_t kPaddingSize = 1500;
// Answers to another port than the question came from (RFC 5780's RESPONSE-PORT), per second and
// source. A test of a binding's lifetime takes a few in an hour.
constexpr uint32_t kRedirectedPerSecond = 10;
constexpr uint32_t kRedirectedBurst = 20;

// TCP connections to those who ask for them (stun/connect_back.h), per second and user as well as
// per second and source. A test asks ten times at most.
constexpr uint32_t kConnectBacksPerSecond = 1;
constexpr uint32_t kConnectBacksBurst = 30;

// A peer's datagram must still fit a Data indication, whose length field has 16 bits. What is
// larger is dropped whole, never cut.
constexpr size_t kMaxRelayedPayload = 65480;

}  // namespace turnpike::turn
