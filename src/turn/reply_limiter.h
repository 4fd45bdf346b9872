// Limits what strangers can make us send, per source prefix, in fixed memory.
//
// Sources hash into a fixed array of token counts, so a flood from any number of forged addresses
// moves numbers and nothing else. Over the limit one answer in 16 still goes out: a real client
// behind a flooded address gets through with its retransmissions.
#pragma once

#include <cstdint>
#include <vector>

#include "base/endpoint.h"
#include "base/keyed_hash.h"
#include "base/time.h"

namespace turnpike::turn {

struct ReplyLimit {
  uint32_t per_second = 0;  // 0: no limit.
  uint32_t burst = 0;
};

class ReplyLimiter {
 public:
  ReplyLimiter(const ReplyLimit& limit, const HashKey& hash_key);

  // What has been counted stays counted.
  void set_limit(const ReplyLimit& limit);

  // True when an answer to `source` may be sent now. IPv4 counts by address, IPv6 by /56.
  bool allow(const Ip& source, Instant now);

 private:
  // Thousandths of answers, and when they were counted, in milliseconds modulo 2^32.
  struct Bucket {
    uint32_t spent = 0;
    uint32_t counted_ms = 0;
  };
  static constexpr size_t kBuckets = 32768;

  ReplyLimit limit_;
  HashKey hash_key_;
  uint32_t over_limit_ = 0;
  std::vector<Bucket> buckets_;
};

}  // namespace turnpike::turn
