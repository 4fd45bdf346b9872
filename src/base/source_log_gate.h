// Lets lines about strangers through: one a period for each source, and so many a second in all.
// Noise from one source hides no other, that from one network hides hardly another network, and no
// number of them fills a disk.
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

  // Half of the lines of a second are for whoever comes first; of the other half an IPv4 /16 and an
  // IPv6 /32 has a sixteenth, which it shares with those that have the same hash.
  static constexpr uint32_t kNetworks = 16;

  bool has_room(const Ip& source, Instant now);
  static bool count_line(std::atomic<uint64_t>& lines_of, uint32_t most, Instant now);

  const HashKey hash_key_;
  const milliseconds period_;
  const uint32_t most_per_second_;
  // Which second in the upper half, lines in the lower.
  std::array<std::atomic<uint64_t>, kNetworks> of_networks_{};
  std::atomic<uint64_t> of_all_{0};
  std::array<Place, kPlaces> places_{};
};

}  // namespace turnpike
