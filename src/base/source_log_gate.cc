#include "base/source_log_gate.h"

namespace turnpike {
namespace {

constexpr unsigned kTimeBits = 40;
constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;

uint64_t hash_of(ByteView prefix, const HashKey& key) {
  KeyedHasher hasher(key);
  hasher.add_range(prefix.data(), prefix.size());
  return hasher.finish();
}

}  // namespace

int64_t SourceLogGate::pass(const Ip& source, Instant now) {
  const uint64_t hash = hash_of(source.wire_bytes().first(source.is_v4() ? 4 : 7), hash_key_);
  Place& place = places_.at(hash % kPlaces);
  const uint64_t owner = hash & ~kTimeMask;
  const auto at =
      static_cast<uint64_t>(std::chrono::floor<milliseconds>(now.time_since_epoch()).count());
  uint64_t state = place.state.load(std::memory_order_relaxed);
  const bool too_soon = (state & ~kTimeMask) == owner && at < (state & kTimeMask);
  const uint64_t next = owner | ((at + static_cast<uint64_t>(period_.count())) & kTimeMask);
  if (too_soon || !has_room(source, now) ||
      !place.state.compare_exchange_strong(state, next, std::memory_order_relaxed)) {
    place.held_back.fetch_add(1, std::memory_order_relaxed);
    return -1;
  }
  return place.held_back.exchange(0, std::memory_order_relaxed);
}

bool SourceLogGate::has_room(const Ip& source, Instant now) {
  const uint32_t part = most_per_second_ / (2 * kNetworks);
  const ByteView network = source.wire_bytes().first(source.is_v4() ? 2 : 4);
  return count_line(of_networks_.at(hash_of(network, hash_key_) % kNetworks), part, now) ||
         count_line(of_all_, most_per_second_ - kNetworks * part, now);
}

bool SourceLogGate::count_line(std::atomic<uint64_t>& lines_of, uint32_t most, Instant now) {
  const auto second =
      static_cast<uint64_t>(std::chrono::floor<seconds>(now.time_since_epoch()).count());
  uint64_t seen = lines_of.load(std::memory_order_relaxed);
  while (true) {
    const uint64_t lines = seen >> 32 == (second & UINT32_MAX) ? seen & UINT32_MAX : 0;
    if (lines >= most) return false;
    if (lines_of.compare_exchange_weak(seen, second << 32 | (lines + 1),
                                       std::memory_order_relaxed)) {
      return true;
    }
  }
}

}  // namespace turnpike
