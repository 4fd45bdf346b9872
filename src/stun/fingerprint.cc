#include "stun/fingerprint.h"

#include <array>

#include "stun/types.h"

namespace turnpike::stun {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
    table[i] = value;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kTable = make_table();

}  // namespace

uint32_t crc32(ByteView bytes) {
  uint32_t crc = 0xffffffffU;
  for (const uint8_t byte : bytes) crc = kTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  return ~crc;
}

uint32_t fingerprint_of(ByteView before) {
  return crc32(before) ^ kFingerprintXor;
}

}  // namespace turnpike::stun
