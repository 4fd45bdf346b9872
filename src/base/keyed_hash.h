// SipHash-1-3 over 64-bit words, for tables whose keys a stranger may choose.
//
// The input is a sequence of whole words (not bytes of arbitrary length), which is all that our
// keys need; the final word carries the length, so different lengths do not collide.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace turnpike {

struct HashKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

class KeyedHasher {
 public:
  explicit KeyedHasher(const HashKey& key)
      : v0_(key.k0 ^ 0x736f6d6570736575ULL),
        v1_(key.k1 ^ 0x646f72616e646f6dULL),
        v2_(key.k0 ^ 0x6c7967656e657261ULL),
        v3_(key.k1 ^ 0x7465646279746573ULL) {}

  void add_word(uint64_t word) {
    v3_ ^= word;
    round();
    v0_ ^= word;
    ++words_;
  }

  void add_bytes(const std::array<uint8_t, 16>& bytes) {
    std::array<uint64_t, 2> words;
    std::memcpy(words.data(), bytes.data(), sizeof(words));
    add_word(words[0]);
    add_word(words[1]);
  }

  // Any length; the tail is padded with zeros and the length is added.
  void add_range(const uint8_t* data, size_t size) {
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, data + at, 8);
      add_word(word);
    }
    uint64_t tail = static_cast<uint64_t>(size) << 56;
    for (size_t i = 0; at + i < size; ++i) tail |= static_cast<uint64_t>(data[at + i]) << (8 * i);
    add_word(tail);
  }

  [[nodiscard]] uint64_t finish() {
    add_word(words_ << 59);  // The length in bytes, in the top byte.
    v2_ ^= 0xff;
    round();
    round();
    round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  uint64_t v0_;
  uint64_t v1_;
  uint64_t v2_;
  uint64_t v3_;
  uint64_t words_ = 0;
};

}  // namespace turnpike
