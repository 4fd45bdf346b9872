// Big-endian cursors with a sticky error: after the first read or write that does not fit, every
// further one is a no-op and ok() is false, so a parser is straight-line code with one check.
// This is the only place that turns raw bytes into numbers.
#pragma once

#include <cstring>

#include "base/bytes.h"

namespace turnpike {

class WireReader {
 public:
  explicit WireReader(ByteView bytes) : rest_(bytes) {}

  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }

  // The next `size` bytes; empty when they are not there.
  ByteView bytes(size_t size) {
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  void skip(size_t size) { bytes(size); }

  [[nodiscard]] size_t remaining() const { return rest_.size(); }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  uint64_t number(size_t size) {
    uint64_t value = 0;
    for (const uint8_t byte : bytes(size)) value = (value << 8) | byte;
    return value;
  }

  void fail() {
    ok_ = false;
    rest_ = {};
  }

  ByteView rest_;
  bool ok_ = true;
};

class WireWriter {
 public:
  explicit WireWriter(ByteSpan out) : out_(out) {}

  void u8(uint8_t value) { number(value, 1); }
  void u16(uint16_t value) { number(value, 2); }
  void u32(uint32_t value) { number(value, 4); }
  void u64(uint64_t value) { number(value, 8); }

  void bytes(ByteView bytes) {
    const ByteSpan room = claim(bytes.size());
    if (!room.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
  }

  void zeros(size_t size) {
    const ByteSpan room = claim(size);
    if (!room.empty()) std::memset(room.data(), 0, size);
  }

  // Overwrites two bytes already written.
  void patch_u16(size_t at, uint16_t value) {
    if (!ok_ || at + 2 > size_) return;
    out_[at] = static_cast<uint8_t>(value >> 8);
    out_[at + 1] = static_cast<uint8_t>(value);
  }

  // Uninitialised room for the caller to fill; empty when it does not fit.
  ByteSpan claim(size_t size) {
    if (!ok_ || size > out_.size() - size_) {
      ok_ = false;
      return {};
    }
    const ByteSpan room = out_.subspan(size_, size);
    size_ += size;
    return room;
  }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] ByteView written() const { return out_.first(size_); }

 private:
  void number(uint64_t value, size_t size) {
    const ByteSpan room = claim(size);
    for (size_t i = room.size(); i-- > 0; value >>= 8) room[i] = static_cast<uint8_t>(value);
  }

  ByteSpan out_;
  size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace turnpike
