// How many connections each source has: an IPv4 address, or an IPv6 /56, since a customer of an
// IPv6 network has all of one.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/five_tuple.h"

namespace turnpike::server {

// Its size is the number of sources that have at least one.
class SourceCounts {
 public:
  explicit SourceCounts(const HashKey& hash_key) : counts_(0, IpHash{hash_key}) {}

  // False, and nothing counted, when the source has `limit` already; 0 is no limit.
  [[nodiscard]] bool add(const Ip& source, uint32_t limit);
  [[nodiscard]] bool is_full(const Ip& source, uint32_t limit) const;
  // Requires an add() that was not removed yet.
  void remove(const Ip& source);

  [[nodiscard]] size_t sources() const { return counts_.size(); }

 private:
  std::unordered_map<Ip, uint32_t, IpHash> counts_;
};

}  // namespace turnpike::server
