#include "stun/stream_framer.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "base/wire.h"
#include "stun/channel_data.h"
#include "stun/types.h"

namespace turnpike::stun {
namespace {

using Bytes = std::vector<uint8_t>;

// A message whose body is junk of `length` bytes: the framer doesn't look at it.
Bytes message(size_t length) {
  Bytes bytes(kHeaderSize + length, 0x5a);
  WireWriter writer(bytes);
  writer.u16(0x0001);
  writer.u16(static_cast<uint16_t>(length));
  writer.u32(kMagicCookie);
  return bytes;
}

Bytes channel_data(size_t length) {
  Bytes bytes(kChannelHeaderSize + length, 0xa5);
  std::ranges::copy(channel_header(0x4001, length), bytes.begin());
  return bytes;
}

Bytes padded(Bytes bytes) {
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

void append(Bytes& to, const Bytes& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

// All frames of `input`; an error stops the test.
std::vector<Bytes> cut(StreamFramer& framer, ByteView input) {
  std::vector<Bytes> frames;
  for (;;) {
    const auto frame = framer.next(input);
    EXPECT_TRUE(frame);
    if (!frame || !*frame) break;
    frames.emplace_back((*frame)->bytes.begin(), (*frame)->bytes.end());
  }
  EXPECT_TRUE(input.empty());
  return frames;
}

FramingError error_of(const Bytes& bytes) {
  StreamFramer framer;
  ByteView input(bytes);
  const auto frame = framer.next(input);
  return frame ? FramingError{255} : frame.error();
}

TEST(StreamFramer, ReturnsWholeFramesInPlace) {
  const Bytes bytes = message(8);
  StreamFramer framer;
  ByteView input(bytes);
  const auto frame = framer.next(input);
  ASSERT_TRUE(frame && *frame);
  EXPECT_EQ((*frame)->kind, PacketKind::stun);
  EXPECT_EQ((*frame)->bytes.data(), bytes.data());
  EXPECT_EQ((*frame)->bytes.size(), bytes.size());
  EXPECT_EQ(framer.pending(), 0U);
}

TEST(StreamFramer, TakesPaddingOffChannelData) {
  for (size_t length = 0; length < 9; ++length) {
    Bytes bytes = padded(channel_data(length));
    append(bytes, message(0));
    StreamFramer framer;
    const auto frames = cut(framer, bytes);
    ASSERT_EQ(frames.size(), 2U) << length;
    EXPECT_EQ(frames[0], channel_data(length));
    EXPECT_EQ(frames[1], message(0));
  }
}

TEST(StreamFramer, CutsManyFramesOutOfOnePiece) {
  Bytes bytes;
  for (int i = 0; i < 50; ++i) {
    append(bytes, message(4));
    append(bytes, padded(channel_data(3)));
  }
  StreamFramer framer;
  EXPECT_EQ(cut(framer, bytes).size(), 100U);
}

TEST(StreamFramer, JoinsFramesSplitAtEveryByte) {
  for (const Bytes& frame : {message(12), channel_data(13), channel_data(0)}) {
    const Bytes bytes = padded(frame);
    for (size_t at = 0; at <= bytes.size(); ++at) {
      StreamFramer framer;
      auto frames = cut(framer, ByteView(bytes).first(at));
      const auto rest = cut(framer, ByteView(bytes).subspan(at));
      frames.insert(frames.end(), rest.begin(), rest.end());
      ASSERT_EQ(frames.size(), 1U) << at;
      EXPECT_EQ(frames[0], frame) << at;
    }
  }
}

TEST(StreamFramer, AgreesWithTheFramesWrittenWhateverTheSplits) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    Bytes stream;
    std::vector<Bytes> written;
    for (int i = 0; i < 20; ++i) {
      const size_t length = random() % 40;
      written.push_back(random() % 2 == 0 ? message(length / 4 * 4) : channel_data(length));
      append(stream, padded(written.back()));
    }
    StreamFramer framer;
    std::vector<Bytes> got;
    const size_t piece_max = 1 + random() % 100;
    for (ByteView rest(stream); !rest.empty();) {
      const size_t size = std::min<size_t>(1 + random() % piece_max, rest.size());
      const auto frames = cut(framer, rest.first(size));
      got.insert(got.end(), frames.begin(), frames.end());
      rest = rest.subspan(size);
    }
    ASSERT_EQ(got, written) << round;
    EXPECT_EQ(framer.pending(), 0U);
  }
}

TEST(StreamFramer, FrameJoinedFromPiecesIsGoneAtTheNextCall) {
  const Bytes bytes = message(8);
  StreamFramer framer;
  cut(framer, ByteView(bytes).first(10));
  EXPECT_EQ(framer.pending(), 10U);
  ByteView rest = ByteView(bytes).subspan(10);
  const auto frame = framer.next(rest);
  ASSERT_TRUE(frame && *frame);
  EXPECT_TRUE(std::ranges::equal((*frame)->bytes, bytes));
  EXPECT_EQ(framer.pending(), 0U);
  EXPECT_EQ(cut(framer, bytes).size(), 1U);
}

TEST(StreamFramer, RefusesAFirstByteOfNeitherKind) {
  for (int first = 0; first < 256; ++first) {
    const bool fine = first < 4 || (first >= 64 && first < 128);
    const Bytes bytes = {static_cast<uint8_t>(first)};
    EXPECT_EQ(error_of(bytes), fine ? FramingError{255} : FramingError::not_a_frame) << first;
  }
}

TEST(StreamFramer, RefusesAStunLengthThatIsNoMultipleOfFour) {
  EXPECT_EQ(error_of({0x00, 0x01, 0x00, 0x06}), FramingError::not_a_frame);
}

TEST(StreamFramer, RefusesAWrongCookieInOnePieceAndInMany) {
  Bytes bytes = message(4);
  bytes[7] ^= 1;
  EXPECT_EQ(error_of(bytes), FramingError::not_a_frame);
  EXPECT_EQ(error_of(Bytes(bytes.begin(), bytes.begin() + 8)), FramingError::not_a_frame);
  StreamFramer framer;
  cut(framer, ByteView(bytes).first(7));
  ByteView rest = ByteView(bytes).subspan(7);
  EXPECT_FALSE(framer.next(rest));
}

TEST(StreamFramer, HoldsStrangersToShortFrames) {
  StreamFramer framer;
  EXPECT_EQ(cut(framer, message(StreamFramer::kStrangerFrameMax - kHeaderSize)).size(), 1U);
  EXPECT_EQ(error_of(message(StreamFramer::kStrangerFrameMax - kHeaderSize + 4)),
            FramingError::too_long);
  EXPECT_EQ(error_of({0x40, 0x00, 0xff, 0xff}), FramingError::too_long);
}

TEST(StreamFramer, TakesTheLongestFramesWhenAllowed) {
  StreamFramer framer;
  framer.allow_long_frames();
  EXPECT_EQ(cut(framer, message(65532)).size(), 1U);
  EXPECT_EQ(cut(framer, padded(channel_data(65535))).size(), 1U);
}

TEST(StreamFramer, KeepsNoMoreThanHasArrived) {
  StreamFramer framer;
  framer.allow_long_frames();
  cut(framer, ByteView(message(65532)).first(100));
  EXPECT_EQ(framer.pending(), 100U);
}

}  // namespace
}  // namespace turnpike::stun
