// What the first bytes say a datagram or a stream is: RFC 7983, and what else knocks on our ports.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace turnpike::stun {

enum class PacketKind : uint8_t { stun, channel_data, dtls, junk };

inline PacketKind classify_datagram(ByteView bytes) {
  if (bytes.size() < 4) return PacketKind::junk;
  const uint8_t first = bytes[0];
  if (first < 4) return PacketKind::stun;
  if (first >= 64 && first < 128) return PacketKind::channel_data;
  if (first >= 20 && first < 64) return PacketKind::dtls;
  return PacketKind::junk;
}

}  // namespace turnpike::stun
