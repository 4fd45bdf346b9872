// How fast one session may turn to peers that it has not talked to: calls need a few dozen, a port
// scan thousands.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/five_tuple.h"
#include "base/time.h"
#include "base/token_bucket.h"

namespace turnpike::turn {

class NewPeers {
 public:
  NewPeers(uint64_t per_s, const HashKey& hash_key, Instant now)
      : hash_{hash_key}, bucket_(per_s, burst(per_s), now) {}

  // For a session that runs.
  void use_rate(uint64_t per_s, Instant now) {
    if (per_s != bucket_.rate()) bucket_.set_rate(per_s, burst(per_s), now);
  }

  // Room for so many more.
  bool take(uint64_t count, Instant now) { return bucket_.take(count, now); }

  // One that is sent to without a channel: free if it is among those of late.
  bool send_to(const Endpoint& peer, Instant now) {
    const auto mark = static_cast<uint32_t>(hash_(peer)) | 1;
    if (std::find(recent_.begin(), recent_.end(), mark) != recent_.end()) return true;
    if (!bucket_.take(1, now)) return false;
    recent_[next_] = mark;
    next_ = (next_ + 1) % recent_.size();
    return true;
  }

 private:
  // ICE begins with everything at once, so five seconds' worth may be saved up.
  static constexpr uint64_t burst(uint64_t per_s) { return per_s * 5; }

  EndpointHash hash_;
  TokenBucket bucket_;
  // Parts of their keyed hashes, never 0: a stranger taken for a friend costs nobody anything.
  std::array<uint32_t, 64> recent_{};
  size_t next_ = 0;
};

}  // namespace turnpike::turn
