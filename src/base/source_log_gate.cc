#include "base/source_log_gate.h"

#include <algorithm>

namespace turnpike {
namespace {

constexpr unsigned kTimeBits = 40;
constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;

uint64_t hash_of(const Ip& source, const HashKey& key) {
  constexpr size_t kV6PrefixBytes = 7;
  auto bytes = source.bytes();
  if (!source.is_v4()) std::fill(bytes.begin() + kV6PrefixBytes, bytes.end(), uint8_t{0});
  KeyedHasher hasher(key);
  hasher.add_bytes(bytes);
  return hasher.finish();
}

}  // namespace

int64_t SourceLogGate::pass(const Ip& source, Instant now) {
  const uint64_t hash = hash_of(source, hash_key_);
  Place& place = places_.at(hash % kPlaces);
  const uint64_t owner = hash & ~kTimeMask;
  const auto at =
      static_cast<uint64_t>(std::chrono::floor<milliseconds>(now.time_since_epoch()).count());
  uint64_t state = place.state.load(std::memory_order_relaxed);
  const bool too_soon = (state & ~kTimeMask) == owner && at < (state & kTimeMask);
  const uint64_t next = owner | ((at + static_cast<uint64_t>(period_.count())) & kTimeMask);
  if (too_soon || !has_room(now) ||
      !place.state.compare_exchange_strong(state, next, std::memory_order_relaxed)) {
    place.held_back.fetch_add(1, std::memory_order_relaxed);
    return -1;
  }
  return place.held_back.exchange(0, std::memory_order_relaxed);
}

bool SourceLogGate::has_room(Instant now) {
  const auto second =
      static_cast<uint64_t>(std::chrono::floor<seconds>(now.time_since_epoch()).count());
  uint64_t seen = this_second_.load(std::memory_order_relaxed);
  while (true) {
    const uint64_t lines = seen >> 32 == (second & UINT32_MAX) ? seen & UINT32_MAX : 0;
    if (lines >= most_per_second_) return false;
    if (this_second_.compare_exchange_weak(seen, second << 32 | (lines + 1),
                                           std::memory_order_relaxed)) {
      return true;
    }
  }
}

}  // namespace turnpike
