#include "turn/reply_limiter.h"

#include <algorithm>

#include "base/five_tuple.h"

namespace turnpike::turn {
namespace {

constexpr uint64_t kUnit = 1000;  // A token in thousandths, so that a millisecond is exact.

Ip prefix_of(const Ip& ip) {
  if (ip.is_v4()) return ip;
  auto bytes = ip.bytes();
  std::fill(bytes.begin() + 7, bytes.end(), uint8_t{0});
  return Ip::from_v6(bytes);
}

}  // namespace

ReplyLimiter::ReplyLimiter(const ReplyLimit& limit, const HashKey& hash_key)
    : limit_(limit), hash_key_(hash_key), buckets_(limit.per_second == 0 ? 0 : kBuckets) {}

void ReplyLimiter::set_limit(const ReplyLimit& limit) {
  limit_ = limit;
  if (limit_.per_second != 0 && buckets_.empty()) buckets_.resize(kBuckets);
}

bool ReplyLimiter::allow(const Ip& source, Instant now) {
  if (limit_.per_second == 0) return true;
  Bucket& bucket = buckets_[IpHash{hash_key_}(prefix_of(source)) % kBuckets];
  const auto now_ms = static_cast<uint32_t>(
      std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count());
  // `spent` drains at the rate; a bucket that was never used counts as long drained.
  const uint64_t drained = static_cast<uint64_t>(now_ms - bucket.counted_ms) * limit_.per_second;
  bucket.spent = drained >= bucket.spent ? 0 : static_cast<uint32_t>(bucket.spent - drained);
  bucket.counted_ms = now_ms;
  if (bucket.spent + kUnit > limit_.burst * kUnit) return ++over_limit_ % 16 == 0;
  bucket.spent += static_cast<uint32_t>(kUnit);
  return true;
}

}  // namespace turnpike::turn
