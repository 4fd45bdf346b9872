// Limits what strangers can make us send, per source prefix, in fixed memory.
//
// Sources hash into a fixed array of token counts, so a flood from any number of forged addresses
// moves numbers and nothing else. Over the limit one answer in 16 still goes out: a real client
// behind a flooded address gets through with its retransmissions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/endpoint.h"
#include "base/keyed_hash.h"
#include "base/time.h"

namespace turnpike::turn {

struct ReplyLimit {
  uint32_t per_second = 0;  // 0: no limit.
  uint32_t burst = 0;
};

// What has been answered to each source, as far as it has not been forgotten. One may serve all
// workers: which of them a source's packets come to is the kernel's choice.
class ReplyBuckets {
 public:
  explicit ReplyBuckets(const HashKey& hash_key);

  // False when `limit` is used up for `source`. Any thread.
  bool spend(const Ip& source, const ReplyLimit& limit, Instant now);
  // The same for what is no address, such as a user's name.
  bool spend(ByteView name, const ReplyLimit& limit, Instant now);

  static constexpr size_t kBuckets = 32768;
  // How many hold something that has not drained yet. Any thread.
  [[nodiscard]] size_t occupied(const ReplyLimit& limit, Instant now) const;

 private:
  bool spend_in(size_t bucket, const ReplyLimit& limit, Instant now);

  HashKey hash_key_;
  // Thousandths of answers in the upper half; in the lower one when they were counted, in
  // milliseconds modulo 2^32.
  std::unique_ptr<std::array<std::atomic<uint64_t>, kBuckets>> buckets_;
};

class ReplyLimiter {
 public:
  // With buckets of its own.
  ReplyLimiter(const ReplyLimit& limit, const HashKey& hash_key);
  // `shared` outlives the limiter.
  ReplyLimiter(const ReplyLimit& limit, ReplyBuckets& shared) : limit_(limit), buckets_(&shared) {}

  // What has been counted stays counted.
  void set_limit(const ReplyLimit& limit) { limit_ = limit; }

  // True when an answer to `source` may be sent now. IPv4 counts by address, IPv6 by /56.
  bool allow(const Ip& source, Instant now);

 private:
  ReplyLimit limit_;
  uint32_t over_limit_ = 0;
  std::unique_ptr<ReplyBuckets> own_;
  ReplyBuckets* buckets_;
};

}  // namespace turnpike::turn
