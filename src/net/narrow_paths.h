// Destinations whose path refused a GSO run because a segment did not fit.
#pragma once

#include <array>

#include "base/five_tuple.h"
#include "base/time.h"

namespace turnpike::net {

// Remembers each for a minute, after which a run may be tried again. Fixed size: a collision only
// costs a wasted try.
class NarrowPaths {
 public:
  static constexpr Duration kMemory = seconds(60);

  explicit NarrowPaths(const HashKey& key) : hash_{key} {}

  void add(const Ip& destination, Instant now) {
    entries_[index_of(destination)] = {.destination = destination, .until = now + kMemory};
    latest_ = now + kMemory;
  }

  [[nodiscard]] bool has(const Ip& destination, Instant now) const {
    if (now >= latest_) return false;
    const Entry& entry = entries_[index_of(destination)];
    return entry.destination == destination && now < entry.until;
  }

 private:
  struct Entry {
    Ip destination;
    Instant until{};
  };
  [[nodiscard]] size_t index_of(const Ip& ip) const { return hash_(ip) % 256; }

  IpHash hash_;
  std::array<Entry, 256> entries_{};
  Instant latest_{};  // Nothing is remembered beyond it, which is the usual case.
};

}  // namespace turnpike::net
