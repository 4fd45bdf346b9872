#include "stun/demux.h"

#include <array>

#include <gtest/gtest.h>

namespace turnpike::stun {
namespace {

PacketKind kind_of(uint8_t first) {
  const std::array<uint8_t, 4> bytes = {first, 0, 0, 0};
  return classify_datagram(bytes);
}

// RFC 7983 section 7.
TEST(Demux, FirstByteDecides) {
  for (unsigned first = 0; first < 256; ++first) {
    PacketKind expected = PacketKind::junk;
    if (first <= 3) expected = PacketKind::stun;
    if (first >= 20 && first <= 63) expected = PacketKind::dtls;
    if (first >= 64 && first <= 127) expected = PacketKind::channel_data;
    EXPECT_EQ(kind_of(static_cast<uint8_t>(first)), expected) << first;
  }
}

TEST(Demux, LessThanFourBytesIsJunk) {
  const std::array<uint8_t, 4> bytes = {0, 1, 0, 0};
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(classify_datagram(ByteView(bytes).first(size)), PacketKind::junk);
  }
}

}  // namespace
}  // namespace turnpike::stun
