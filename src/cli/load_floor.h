// What the load generator and the bare loop of bench/floor say to each other: the loop relays bytes
// as they are, so all that it must be told is where a client's peer is.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"

namespace turnpike::cli {

// From a client, once: these 8 characters, the peer's IPv4 address and its port, both in network
// order. The loop opens a socket for the client and answers with kFloorAnswer.
inline constexpr std::string_view kFloorQuestion = "TPFLOOR?";
inline constexpr std::string_view kFloorAnswer = "TPFLOOR!";

using FloorGreeting = std::array<uint8_t, 14>;

// Requires an IPv4 peer.
inline FloorGreeting make_floor_greeting(const Endpoint& peer) {
  FloorGreeting greeting{};
  auto at = std::copy(kFloorQuestion.begin(), kFloorQuestion.end(), greeting.begin());
  const auto ip = peer.ip.wire_bytes();
  at = std::copy(ip.begin(), ip.end(), at);
  *at++ = static_cast<uint8_t>(peer.port >> 8);
  *at = static_cast<uint8_t>(peer.port);
  return greeting;
}

inline bool is_floor_answer(ByteView bytes) {
  return std::equal(bytes.begin(), bytes.end(), kFloorAnswer.begin(), kFloorAnswer.end());
}

}  // namespace turnpike::cli
