// RFC 1071's checksum, as IP, UDP and ICMP use it.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace turnpike::net {

// Over 16-bit words, not folded yet; to be continued behind an even number of bytes.
inline uint64_t sum_words(ByteView bytes, uint64_t sum) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += uint64_t{bytes[i]} << 8 | bytes[i + 1];
  if (bytes.size() % 2 != 0) sum += uint64_t{bytes.back()} << 8;
  return sum;
}

inline uint16_t fold_checksum(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// 0 over a whole message whose checksum is right.
inline uint16_t internet_checksum(ByteView bytes) {
  return fold_checksum(sum_words(bytes, 0));
}

}  // namespace turnpike::net
