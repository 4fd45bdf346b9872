#include "sim/sim_client.h"

#include <algorithm>

#include "base/wire.h"

namespace turnpike::sim {
namespace {

constexpr uint32_t kMagic = 0x51u << 24 | 0x7a6;
constexpr size_t kTagSize = 4 + 1 + 4 + 16 + 2;

// The filling says its length, so that a cut or padded payload is noticed.
uint8_t filling(size_t size, size_t at) {
  return static_cast<uint8_t>(size * 31 + at);
}

}  // namespace

std::vector<uint8_t> make_payload(const Tag& tag, size_t size) {
  std::vector<uint8_t> bytes(std::max(size, kTagSize));
  WireWriter writer(bytes);
  writer.u32(kMagic);
  writer.u8(tag.from_client ? 1 : 0);
  writer.u32(tag.sender);
  writer.bytes(tag.relayed.ip.bytes());
  writer.u16(tag.relayed.port);
  for (size_t i = kTagSize; i < bytes.size(); ++i) bytes[i] = filling(bytes.size(), i);
  return bytes;
}

std::optional<Tag> read_payload(ByteView payload) {
  WireReader reader(payload);
  const uint32_t magic = reader.u32();
  Tag tag;
  tag.from_client = reader.u8() == 1;
  tag.sender = reader.u32();
  const ByteView ip = reader.bytes(16);
  tag.relayed.port = reader.u16();
  if (!reader.ok() || magic != kMagic) return {};
  tag.relayed.ip = Ip::from_v6(ip.first<16>());
  for (size_t i = kTagSize; i < payload.size(); ++i) {
    if (payload[i] != filling(payload.size(), i)) return {};
  }
  return tag;
}

}  // namespace turnpike::sim
