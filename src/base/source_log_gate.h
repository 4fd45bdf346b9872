// Lets lines about strangers through: one a period for each source, and so many a second in all.
// Noise from one source hides no other, and no number of them fills a disk.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/endpoint.h"
#include "base/keyed_hash.h"
#include "base/time.h"

namespace turnpike {

class SourceLogGate {
 public:
  SourceLogGate(const HashKey& hash_key, milliseconds period, uint32_t most_per_second)
      : hash_key_(hash_key), period_(period), most_per_second_(most_per_second) {}

  // How many lines about this source, or one that shared its place, were held back since the last
  // that passed, or -1 for "not now". An IPv6 /56 is one source. Any thread.
  int64_t pass(const Ip& source, Instant now);

 private:
  static constexpr size_t kPlaces = 2048;

  struct Place {
    // Whose it is in the upper 24 bits; in the lower ones when its next line may come, in
    // milliseconds. Another source takes the place, so that it is not hidden by this one.
    std::atomic<uint64_t> state{0};
    std::atomic<int64_t> held_back{0};
  };

  bool has_room(Instant now);

  const HashKey hash_key_;
  const milliseconds period_;
  const uint32_t most_per_second_;
  std::atomic<uint64_t> this_second_{0};  // Which second in the upper half, lines in the lower.
  std::array<Place, kPlaces> places_{};
};

}  // namespace turnpike
