#include "turn/reply_limiter.h"

#include <algorithm>
#include <utility>

#include "base/five_tuple.h"

namespace turnpike::turn {
namespace {

// How far apart the workers' clocks of a turn may be; more is a bucket from long ago.
constexpr int32_t kSkewMs = 10'000;

constexpr uint64_t kUnit = 1000;  // A token in thousandths, so that a millisecond is exact.

Ip prefix_of(const Ip& ip) {
  if (ip.is_v4()) return ip;
  auto bytes = ip.bytes();
  std::fill(bytes.begin() + 7, bytes.end(), uint8_t{0});
  return Ip::from_v6(bytes);
}

}  // namespace

ReplyBuckets::ReplyBuckets(const HashKey& hash_key)
    : hash_key_(hash_key),
      buckets_(std::make_unique<std::array<std::atomic<uint64_t>, kBuckets>>()) {}

bool ReplyBuckets::spend(const Ip& source, const ReplyLimit& limit, Instant now) {
  return spend_in(IpHash{hash_key_}(prefix_of(source)) % kBuckets, limit, now);
}

bool ReplyBuckets::spend(ByteView name, const ReplyLimit& limit, Instant now) {
  KeyedHasher hasher(hash_key_);
  uint64_t word = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    word = word << 8 | name[i];
    if (i % 8 == 7) hasher.add_word(std::exchange(word, 0));
  }
  hasher.add_word(word);
  // So that names which differ by leading zeros differ here.
  hasher.add_word(name.size());
  return spend_in(hasher.finish() % kBuckets, limit, now);
}

bool ReplyBuckets::spend_in(size_t index, const ReplyLimit& limit, Instant now) {
  std::atomic<uint64_t>& bucket = (*buckets_)[index];
  const auto now_ms = static_cast<uint32_t>(
      std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count());
  uint64_t before = bucket.load(std::memory_order_relaxed);
  while (true) {
    // What was spent drains at the rate; a bucket that was never used counts as long drained.
    // Workers read the clock at different times, so another may have been here "later".
    const auto elapsed_ms = static_cast<int32_t>(now_ms - static_cast<uint32_t>(before));
    const uint64_t drained =
        elapsed_ms < 0 && elapsed_ms > -kSkewMs
            ? 0
            : static_cast<uint64_t>(static_cast<uint32_t>(elapsed_ms)) * limit.per_second;
    uint64_t spent = before >> 32;
    spent = drained >= spent ? 0 : spent - drained;
    const bool allowed = spent + kUnit <= limit.burst * kUnit;
    if (allowed) spent += kUnit;
    const uint32_t counted_ms =
        drained == 0 && elapsed_ms < 0 ? static_cast<uint32_t>(before) : now_ms;
    const uint64_t after = spent << 32 | counted_ms;
    if (bucket.compare_exchange_weak(before, after, std::memory_order_relaxed)) return allowed;
  }
}

size_t ReplyBuckets::occupied(const ReplyLimit& limit, Instant now) const {
  const auto now_ms = static_cast<uint32_t>(
      std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count());
  const auto is_occupied = [&](const std::atomic<uint64_t>& bucket) {
    const uint64_t value = bucket.load(std::memory_order_relaxed);
    const auto elapsed_ms = static_cast<int32_t>(now_ms - static_cast<uint32_t>(value));
    if (elapsed_ms < 0 && elapsed_ms > -kSkewMs) return value >> 32 != 0;
    const uint64_t drained =
        static_cast<uint64_t>(static_cast<uint32_t>(elapsed_ms)) * limit.per_second;
    return value >> 32 > drained;
  };
  return static_cast<size_t>(std::count_if(buckets_->begin(), buckets_->end(), is_occupied));
}

ReplyLimiter::ReplyLimiter(const ReplyLimit& limit, const HashKey& hash_key)
    : limit_(limit), own_(std::make_unique<ReplyBuckets>(hash_key)), buckets_(own_.get()) {}

bool ReplyLimiter::allow(const Ip& source, Instant now) {
  if (limit_.per_second == 0 || buckets_->spend(source, limit_, now)) return true;
  return ++over_limit_ % 16 == 0;
}

}  // namespace turnpike::turn
