// Turns the bytes of a fuzzer into choices; when they run out every choice is zero.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace turnpike::fuzz {

class ByteSource {
 public:
  explicit ByteSource(ByteView bytes) : rest_(bytes) {}

  uint8_t u8() {
    if (rest_.empty()) return 0;
    const uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }

  // At most `limit` bytes; how many is a choice too.
  ByteView bytes(size_t limit) {
    const size_t wanted = u8();
    const ByteView taken = rest_.first(std::min({wanted, limit, rest_.size()}));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

  template <size_t N>
  std::array<uint8_t, N> array() {
    std::array<uint8_t, N> out;
    for (uint8_t& byte : out) byte = u8();
    return out;
  }

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] ByteView rest() const { return rest_; }

 private:
  uint64_t number(int size) {
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | u8();
    return value;
  }

  ByteView rest_;
};

}  // namespace turnpike::fuzz
