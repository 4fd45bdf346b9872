// What the simulated network does to a datagram.
#pragma once

#include "base/random.h"
#include "base/time.h"

namespace turnpike::sim {

struct LinkQuality {
  Duration delay_min = milliseconds(5);
  Duration delay_max = milliseconds(80);  // Datagrams overtake each other within this.
  uint32_t loss_permille = 20;
  uint32_t duplicate_permille = 20;
};

inline bool chance(RandomSource& random, uint32_t permille) {
  return random.below(1000) < permille;
}

inline Duration between(RandomSource& random, Duration low, Duration high) {
  if (high <= low) return low;
  return low + Duration(static_cast<Duration::rep>(
                   random.below(static_cast<uint64_t>((high - low).count()))));
}

}  // namespace turnpike::sim
