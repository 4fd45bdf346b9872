#include "stun/stream_framer.h"

#include <algorithm>

#include "base/wire.h"
#include "stun/channel_data.h"
#include "stun/types.h"

namespace turnpike::stun {
namespace {

// How much of the front of a frame must be there to know its size and that it is one: both kinds
// tell the size in four bytes, and the next four of a STUN message are the magic cookie. (RFC 3489
// had no streams, so there is no message without one.)
constexpr size_t kSizedAt = 4;
constexpr size_t kCheckedAt = 8;

struct Extent {
  PacketKind kind;
  size_t size;      // Of the frame.
  size_t consumed;  // The same with padding.
};

Result<Extent, FramingError> measure(ByteView front, size_t frame_max) {
  const PacketKind kind = classify_datagram(front);
  WireReader reader(front);
  reader.skip(2);
  const size_t length = reader.u16();
  Extent extent{};
  if (kind == PacketKind::stun) {
    // RFC 8489 section 5: the length is a multiple of four.
    if (length % 4 != 0) return unexpected(FramingError::not_a_frame);
    extent = {kind, kHeaderSize + length, kHeaderSize + length};
  } else if (kind == PacketKind::channel_data) {
    const size_t size = kChannelHeaderSize + length;
    extent = {kind, size, size + channel_padding(length)};
  } else {
    return unexpected(FramingError::not_a_frame);
  }
  if (extent.size > frame_max) return unexpected(FramingError::too_long);
  return extent;
}

bool has_wrong_cookie(ByteView front) {
  if (classify_datagram(front) != PacketKind::stun || front.size() < kCheckedAt) return false;
  WireReader reader(front.subspan(kSizedAt));
  return reader.u32() != kMagicCookie;
}

// A stream that cannot become a frame is refused at its first byte, without waiting for four.
bool may_begin_frame(uint8_t first) {
  const std::array<uint8_t, kSizedAt> front{first, 0, 0, 0};
  const PacketKind kind = classify_datagram(front);
  return kind == PacketKind::stun || kind == PacketKind::channel_data;
}

}  // namespace

Result<std::optional<Frame>, FramingError> StreamFramer::next(ByteView& input) {
  drop_delivered();
  if (partial_.empty()) {
    if (input.empty()) return std::nullopt;
    if (!may_begin_frame(input.front())) return unexpected(FramingError::not_a_frame);
    if (input.size() >= kSizedAt) {
      const auto extent = measure(input, frame_max_);
      if (!extent) return unexpected(extent.error());
      if (has_wrong_cookie(input)) return unexpected(FramingError::not_a_frame);
      if (extent->consumed <= input.size()) {
        const Frame frame{extent->kind, input.first(extent->size)};
        input = input.subspan(extent->consumed);
        return frame;
      }
    }
  }

  if (!fill(input, kSizedAt)) return std::nullopt;
  const auto extent = measure(partial_, frame_max_);
  if (!extent) return unexpected(extent.error());
  if (!fill(input, std::min(kCheckedAt, extent->consumed))) return std::nullopt;
  if (has_wrong_cookie(partial_)) return unexpected(FramingError::not_a_frame);
  if (!fill(input, extent->consumed)) return std::nullopt;
  delivered_ = true;
  return Frame{extent->kind, ByteView(partial_).first(extent->size)};
}

void StreamFramer::drop_delivered() {
  if (!delivered_) return;
  partial_ = {};
  delivered_ = false;
}

bool StreamFramer::fill(ByteView& input, size_t size) {
  if (partial_.size() >= size) return true;
  const size_t count = std::min(size - partial_.size(), input.size());
  partial_.insert(partial_.end(), input.begin(), input.begin() + static_cast<ptrdiff_t>(count));
  input = input.subspan(count);
  return partial_.size() == size;
}

}  // namespace turnpike::stun
