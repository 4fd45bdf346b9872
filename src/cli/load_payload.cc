#include "cli/load_payload.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace turnpike::cli {
namespace {

// Fast rather than strong: it finds what a relay may do wrong, which is to mix up or to cut. The
// field of the sum counts as zero.
uint64_t sum_of(ByteView bytes) {
  uint64_t sum = bytes.size();
  size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    uint64_t word = 0;
    if (at != offsetof(LoadHeader, sum)) std::memcpy(&word, bytes.data() + at, 8);
    sum = (std::rotl(sum, 5) ^ word) * 0x9e3779b97f4a7c15;
  }
  for (; at < bytes.size(); ++at) sum = (std::rotl(sum, 5) ^ bytes[at]) * 0x9e3779b97f4a7c15;
  return sum;
}

}  // namespace

void write_load_payload(LoadHeader header, ByteSpan out) {
  for (size_t at = sizeof(header); at < out.size(); ++at) {
    out[at] = static_cast<uint8_t>(at * 167 + header.number);
  }
  std::memcpy(out.data(), &header, sizeof(header));
  header.sum = sum_of(out);
  std::memcpy(out.data(), &header, sizeof(header));
}

LoadVerdict read_load_payload(ByteView bytes, uint64_t run, LoadHeader& header) {
  if (bytes.size() < sizeof(header)) return LoadVerdict::damaged;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != LoadHeader::kMagic) return LoadVerdict::damaged;
  if (header.run != run) return LoadVerdict::foreign;
  return sum_of(bytes) == header.sum ? LoadVerdict::good : LoadVerdict::damaged;
}

}  // namespace turnpike::cli
