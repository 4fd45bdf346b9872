// ChannelData: RFC 8656 section 12.4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace turnpike::stun {

constexpr size_t kChannelHeaderSize = 4;
constexpr uint16_t kChannelFirst = 0x4000;
constexpr uint16_t kChannelLast = 0x4fff;         // RFC 8656 section 12.
constexpr uint16_t kChannelLastRfc5766 = 0x7fff;  // RFC 5766 section 11.

struct ChannelData {
  uint16_t number;
  ByteView payload;
};

// From a datagram: bytes after the payload are padding or junk and are ignored (RFC 8656 section
// 12.6). Nothing when the number is not a channel's or the payload is cut.
inline std::optional<ChannelData> parse_channel_data(ByteView bytes) {
  if (bytes.size() < kChannelHeaderSize) return {};
  const auto number = static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
  const size_t size = static_cast<size_t>(bytes[2]) << 8 | bytes[3];
  if (number < kChannelFirst || number > kChannelLastRfc5766) return {};
  if (size > bytes.size() - kChannelHeaderSize) return {};
  return ChannelData{number, bytes.subspan(kChannelHeaderSize, size)};
}

inline std::array<uint8_t, kChannelHeaderSize> channel_header(uint16_t number, size_t size) {
  return {static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number),
          static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
}

// Over streams ChannelData is padded to four bytes; the length field does not count it.
constexpr size_t channel_padding(size_t payload_size) {
  return (4 - payload_size % 4) % 4;
}

}  // namespace turnpike::stun
