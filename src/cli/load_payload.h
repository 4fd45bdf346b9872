// The datagrams of the load generator: whose, which one, sent when, and a sum over all of it.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/time.h"

namespace turnpike::cli {

// At the front of each datagram, in the byte order of this machine: only this process reads it.
struct LoadHeader {
  static constexpr uint64_t kMagic = 0x74704c4f41443031;

  uint64_t magic = kMagic;
  uint64_t run = 0;  // Left-overs of an earlier run are not ours.
  uint64_t sum = 0;  // Of the whole datagram, with this field zero.
  int64_t sent = 0;  // By the monotonic clock.
  uint32_t client = 0;
  uint32_t number = 0;
};

constexpr size_t kMinLoadPayload = sizeof(LoadHeader);
constexpr size_t kMaxLoadPayload = 1400;

// Fills `out`, which must hold kMinLoadPayload bytes at least; the sum is made here.
void write_load_payload(LoadHeader header, ByteSpan out);

enum class LoadVerdict : uint8_t { good, foreign, damaged };
LoadVerdict read_load_payload(ByteView bytes, uint64_t run, LoadHeader& header);

}  // namespace turnpike::cli
