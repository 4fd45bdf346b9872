// A stream must give the same frames, and the same error, in one piece and in pieces that the first
// byte chooses.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "fuzz/byte_source.h"
#include "stun/stream_framer.h"

namespace turnpike::stun {
namespace {

struct Outcome {
  std::vector<std::vector<uint8_t>> frames;
  bool failed = false;
  size_t pending = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void feed(StreamFramer& framer, ByteView piece, Outcome& outcome) {
  for (;;) {
    const auto result = framer.next(piece);
    if (!result) {
      outcome.failed = true;
      return;
    }
    if (!*result) break;
    CHECK((*result)->kind == PacketKind::stun || (*result)->kind == PacketKind::channel_data);
    CHECK((*result)->bytes.size() <= StreamFramer::kFrameMax);
    outcome.frames.emplace_back((*result)->bytes.begin(), (*result)->bytes.end());
  }
  CHECK(piece.empty());
  outcome.pending = framer.pending();
}

Outcome frames_of(ByteView stream, size_t step, bool long_frames) {
  StreamFramer framer;
  if (long_frames) framer.allow_long_frames();
  Outcome outcome;
  for (size_t at = 0; at < stream.size() && !outcome.failed; at += step) {
    feed(framer, stream.subspan(at, std::min(step, stream.size() - at)), outcome);
  }
  // What is kept of a stream that failed is of no use to anybody.
  if (outcome.failed) outcome.pending = 0;
  return outcome;
}

}  // namespace
}  // namespace turnpike::stun

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace turnpike;
  fuzz::ByteSource source(ByteView(data, size));
  const uint8_t choice = source.u8();
  const bool long_frames = choice >= 128;
  const size_t step = 1 + choice % 128U;
  const ByteView stream = source.rest();
  const size_t whole = std::max<size_t>(stream.size(), 1);
  CHECK(stun::frames_of(stream, whole, long_frames) == stun::frames_of(stream, step, long_frames));
  return 0;
}
