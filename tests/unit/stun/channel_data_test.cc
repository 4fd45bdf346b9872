#include "stun/channel_data.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "support/hex.h"

namespace turnpike::stun {
namespace {

using testing::bytes_from_hex;

TEST(ChannelData, ParsesNumberAndPayload) {
  const auto bytes = bytes_from_hex("4001 0003 616263");
  const auto data = parse_channel_data(bytes);
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->number, 0x4001);
  EXPECT_EQ(as_text(data->payload), "abc");
}

TEST(ChannelData, IgnoresWhatFollowsThePayload) {
  const auto bytes = bytes_from_hex("4001 0003 616263 00 ffff");
  EXPECT_EQ(as_text(parse_channel_data(bytes)->payload), "abc");
}

TEST(ChannelData, MayBeEmpty) {
  const auto bytes = bytes_from_hex("7fff 0000");
  const auto data = parse_channel_data(bytes);
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->number, kChannelLastRfc5766);
  EXPECT_TRUE(data->payload.empty());
}

TEST(ChannelData, RefusesWhatIsNone) {
  for (const std::string_view hex : {
           "", "40", "400000",                                  // Cut in the header.
           "4000 0001", "4000 0004 616263", "4000 ffff 61",     // Cut in the payload.
           "3fff 0000", "0001 0000", "8000 0000", "ffff 0000",  // Not a channel's number.
       }) {
    EXPECT_FALSE(parse_channel_data(bytes_from_hex(hex)).has_value()) << hex;
  }
}

TEST(ChannelData, HeaderIsWhatParsesAgain) {
  for (const uint16_t number : {kChannelFirst, kChannelLast, kChannelLastRfc5766}) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{255}, size_t{256}, size_t{65535}}) {
      const auto header = channel_header(number, size);
      std::vector<uint8_t> bytes(header.begin(), header.end());
      bytes.resize(bytes.size() + size);
      const auto data = parse_channel_data(bytes);
      ASSERT_TRUE(data.has_value());
      EXPECT_EQ(data->number, number);
      EXPECT_EQ(data->payload.size(), size);
    }
  }
}

TEST(ChannelData, PaddingFillsUpToFour) {
  EXPECT_EQ(channel_padding(0), 0U);
  EXPECT_EQ(channel_padding(1), 3U);
  EXPECT_EQ(channel_padding(2), 2U);
  EXPECT_EQ(channel_padding(3), 1U);
  EXPECT_EQ(channel_padding(4), 0U);
}

}  // namespace
}  // namespace turnpike::stun
