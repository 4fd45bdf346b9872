// A token bucket in integers, with time as an argument.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace turnpike {

class TokenBucket {
 public:
  // `rate` tokens a second, at most `burst` saved up; it starts full.
  TokenBucket(uint64_t rate, uint64_t burst, Instant now)
      : rate_(rate), burst_(burst), tokens_(burst), filled_(now) {}

  bool take(uint64_t count, Instant now) {
    refill(now);
    if (tokens_ < count) return false;
    tokens_ -= count;
    return true;
  }

  // For what comes in pieces of any size: whoever finds a token at all takes as many as it needs,
  // and what is gained next pays for those that were missing.
  bool take_or_owe(uint64_t count, Instant now) {
    refill(now);
    if (tokens_ == 0 && count > 0) return false;
    charge(count, now);
    return true;
  }

  // For what has happened already.
  void charge(uint64_t count, Instant now) {
    refill(now);
    const uint64_t paid = std::min(count, tokens_);
    tokens_ -= paid;
    owed_ += count - paid;
  }

  // Gives tokens back that were taken and not used.
  void put(uint64_t count) {
    const uint64_t settled = std::min(count, owed_);
    owed_ -= settled;
    tokens_ += std::min(count - settled, burst_ - tokens_);
  }

  // From now on another rate; what has been saved up stays, as far as the new burst goes.
  void set_rate(uint64_t rate, uint64_t burst, Instant now) {
    refill(now);
    rate_ = rate;
    burst_ = burst;
    tokens_ = std::min(tokens_, burst);
  }
  [[nodiscard]] uint64_t rate() const { return rate_; }

  [[nodiscard]] uint64_t available(Instant now) {
    refill(now);
    return tokens_;
  }

 private:
  __extension__ using Wide = unsigned __int128;

  void refill(Instant now) {
    if (now <= filled_) return;
    constexpr uint64_t kSecond = 1'000'000'000;
    const auto elapsed = static_cast<uint64_t>((now - filled_).count());
    // The part of a token that does not make a whole one is kept, so the rate is exact.
    const Wide scaled = static_cast<Wide>(elapsed) * rate_ + fraction_;
    Wide gained = scaled / kSecond;
    filled_ = now;
    const Wide settled = std::min<Wide>(gained, owed_);
    owed_ -= static_cast<uint64_t>(settled);
    gained -= settled;
    if (gained >= burst_ - tokens_) {
      tokens_ = burst_;
      fraction_ = 0;
    } else {
      tokens_ += static_cast<uint64_t>(gained);
      fraction_ = static_cast<uint64_t>(scaled % kSecond);
    }
  }

  uint64_t rate_;
  uint64_t burst_;
  uint64_t tokens_;
  uint64_t owed_ = 0;      // Only where there are no tokens.
  uint64_t fraction_ = 0;  // In thousand-millionths of a token.
  Instant filled_;
};

}  // namespace turnpike
