#include "stun/stream_framer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/random.h"
#include "stun/channel_data.h"
#include "stun/types.h"
#include "support/allocation_guard.h"
#include "support/hex.h"
#include "support/messages.h"

namespace turnpike::stun {
namespace {

using testing::Bytes;
using testing::bytes_from_hex;

Bytes stun_frame(size_t data_size) {
  return testing::make_request(Method::binding, [&](MessageBuilder& builder) {
    builder.add(AttributeType::data, Bytes(data_size, 0x55));
  });
}

// With the padding of a stream.
Bytes channel_frame(size_t size) {
  const auto header = channel_header(0x4000, size);
  Bytes bytes(header.begin(), header.end());
  bytes.resize(bytes.size() + size, 0x66);
  bytes.resize(bytes.size() + channel_padding(size));
  return bytes;
}

void append(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Feeds one piece and collects the frames as text; an error ends with "error".
void feed(StreamFramer& framer, ByteView piece, std::vector<std::string>& frames) {
  for (;;) {
    const auto result = framer.next(piece);
    if (!result) {
      frames.emplace_back("error");
      return;
    }
    if (!*result) {
      EXPECT_TRUE(piece.empty());
      return;
    }
    frames.push_back(((*result)->kind == PacketKind::stun ? "s" : "c") + to_hex((*result)->bytes));
  }
}

std::vector<std::string> frames_of(const Bytes& stream) {
  StreamFramer framer;
  framer.allow_long_frames();
  std::vector<std::string> frames;
  feed(framer, stream, frames);
  return frames;
}

TEST(StreamFramer, CutsBothKindsAndLeavesThePaddingOut) {
  Bytes stream = stun_frame(5);
  const std::string first = "s" + to_hex(stream);
  append(stream, channel_frame(3));
  append(stream, stun_frame(0));
  EXPECT_EQ(frames_of(stream),
            (std::vector<std::string>{first, "c40000003666666", "s" + to_hex(stun_frame(0))}));
}

TEST(StreamFramer, GivesTheSameFramesHoweverTheStreamIsCut) {
  Bytes stream = stun_frame(7);
  append(stream, channel_frame(0));
  append(stream, channel_frame(1));
  append(stream, stun_frame(0));
  const auto expected = frames_of(stream);
  ASSERT_EQ(expected.size(), 4U);
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    for (const size_t step : {size_t{1}, size_t{3}, stream.size()}) {
      StreamFramer framer;
      std::vector<std::string> frames;
      feed(framer, ByteView(stream).first(cut), frames);
      for (size_t at = cut; at < stream.size(); at += step) {
        feed(framer, ByteView(stream).subspan(at, std::min(step, stream.size() - at)), frames);
      }
      ASSERT_EQ(frames, expected) << "cut at " << cut << " then by " << step;
      ASSERT_EQ(framer.pending(), 0U);
    }
  }
}

TEST(StreamFramer, RefusesWhatBeginsNoFrame) {
  for (unsigned first = 0; first < 256; ++first) {
    const bool stun = first <= 3;
    const bool channel = first >= 64 && first <= 127;
    StreamFramer framer;
    const Bytes byte = {static_cast<uint8_t>(first)};
    ByteView input(byte);
    const auto result = framer.next(input);
    EXPECT_EQ(result.has_value(), stun || channel) << first;
    if (!result) {
      EXPECT_EQ(result.error(), FramingError::not_a_frame);
    }
  }
}

TEST(StreamFramer, RefusesAStunHeaderThatIsNone) {
  for (const std::string_view hex : {
           "00010002 2112a442",  // A length that is no multiple of four.
           "00010000 2112a443",  // Not the magic cookie.
           "00010000 00000000",
       }) {
    const auto bytes = bytes_from_hex(hex);
    EXPECT_EQ(frames_of(bytes), std::vector<std::string>{"error"}) << hex;
    StreamFramer framer;
    std::vector<std::string> frames;
    for (const uint8_t byte : bytes) {
      if (frames.empty()) feed(framer, ByteView(&byte, 1), frames);
    }
    EXPECT_EQ(frames, std::vector<std::string>{"error"}) << hex << " byte by byte";
  }
}

TEST(StreamFramer, AStrangerIsHeldToShortFrames) {
  for (const Bytes& frame :
       {stun_frame(StreamFramer::kStrangerFrameMax - 24), channel_frame(4092)}) {
    ASSERT_EQ(frame.size(), StreamFramer::kStrangerFrameMax);
    StreamFramer framer;
    ByteView input(frame);
    const auto result = framer.next(input);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(result->has_value());
  }
  for (const Bytes& frame :
       {stun_frame(StreamFramer::kStrangerFrameMax - 20), channel_frame(4093)}) {
    StreamFramer framer;
    ByteView input = ByteView(frame).first(4);
    const auto result = framer.next(input);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error(), FramingError::too_long);
  }
}

TEST(StreamFramer, AClientWithAnAllocationMaySendTheLongest) {
  for (const Bytes& frame : {stun_frame(65528), channel_frame(65535)}) {
    const auto frames = frames_of(frame);
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_NE(frames[0], "error");
  }
}

TEST(StreamFramer, SaysHowMuchIsPending) {
  const Bytes frame = stun_frame(0);
  StreamFramer framer;
  ByteView half = ByteView(frame).first(10);
  EXPECT_FALSE(framer.next(half).value().has_value());
  EXPECT_EQ(framer.pending(), 10U);
  ByteView rest = ByteView(frame).subspan(10);
  EXPECT_TRUE(framer.next(rest).value().has_value());
  EXPECT_EQ(framer.pending(), 0U);
}

TEST(StreamFramer, KeepsNothingForWhatArrivesWhole) {
  Bytes stream = stun_frame(100);
  append(stream, channel_frame(1000));
  StreamFramer framer;
  const testing::AllocationGuard guard;
  ByteView input(stream);
  EXPECT_TRUE(framer.next(input).value().has_value());
  EXPECT_TRUE(framer.next(input).value().has_value());
  EXPECT_FALSE(framer.next(input).value().has_value());
  EXPECT_EQ(guard.news(), 0U);
}

}  // namespace
}  // namespace turnpike::stun
