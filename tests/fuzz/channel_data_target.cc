// What parses as ChannelData is made of its own header and payload.
#include <algorithm>

#include "base/check.h"
#include "stun/channel_data.h"
#include "stun/demux.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace turnpike;
  const ByteView input(data, size);
  const auto parsed = stun::parse_channel_data(input);
  const stun::PacketKind kind = stun::classify_datagram(input);
  if (!parsed) return 0;
  CHECK(kind == stun::PacketKind::channel_data);
  CHECK(parsed->number >= stun::kChannelFirst && parsed->number <= stun::kChannelLastRfc5766);
  CHECK(stun::kChannelHeaderSize + parsed->payload.size() <= size);
  const auto header = stun::channel_header(parsed->number, parsed->payload.size());
  CHECK(std::equal(header.begin(), header.end(), input.begin()));
  CHECK(parsed->payload.empty() || parsed->payload.data() == data + header.size());
  return 0;
}
