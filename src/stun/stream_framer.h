// Cuts STUN messages and ChannelData frames out of a byte stream that arrives in arbitrary pieces
// (RFC 8489 section 6.2.2, RFC 8656 section 12.5).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "stun/demux.h"

namespace turnpike::stun {

enum class FramingError : uint8_t {
  not_a_frame,  // The first byte begins neither kind, or a STUN header is not one.
  too_long,     // The frame is longer than this client may send now.
};

constexpr std::string_view to_string(FramingError error) {
  switch (error) {
    case FramingError::not_a_frame:
      return "neither STUN nor ChannelData";
    case FramingError::too_long:
      return "frame too long";
  }
  return "?";
}

// One frame; `bytes` is valid until the next call of the framer and as long as the input.
struct Frame {
  PacketKind kind;  // stun or channel_data.
  ByteView bytes;   // The whole STUN message, or ChannelData with its header and without padding.
};

// One per stream. Owned by it, moved with it. Holds heap memory only while a part of a frame is
// waiting for the rest, and then about as much as has really arrived: a header that announces
// 64 KiB reserves nothing.
//
// The natural bound is that of the length fields (64 KiB and a header): over a stream a Send
// indication or ChannelData may carry any datagram that fits into UDP, so a lower one would break
// relaying. A client that has no allocation has no use for long frames: it is held to
// kStrangerFrameMax, which leaves room for a request with an access token (RFC 7635) and bounds
// what a stranger can make us keep.
class StreamFramer {
 public:
  static constexpr size_t kStrangerFrameMax = 4096;
  static constexpr size_t kFrameMax = 20 + 65535;

  // Takes bytes off the front of `input` and returns the next frame, or nothing when all of the
  // input has been taken and no frame is complete. Call it until then, so that no byte is lost. An
  // error is final: where the next frame would begin is not known.
  Result<std::optional<Frame>, FramingError> next(ByteView& input);

  // From now on frames may be as long as the protocol allows: the client has shown who it is.
  void allow_long_frames() { frame_max_ = kFrameMax; }

  // Bytes kept of an incomplete frame: when this stays above zero the peer is a slow one.
  [[nodiscard]] size_t pending() const { return delivered_ ? 0 : partial_.size(); }

 private:
  void drop_delivered();
  // Moves bytes from `input` to the partial frame until that has `size`; false when they run out.
  bool fill(ByteView& input, size_t size);

  std::vector<uint8_t> partial_;
  size_t frame_max_ = kStrangerFrameMax;
  bool delivered_ = false;  // partial_ holds a frame that has been returned.
};

}  // namespace turnpike::stun
