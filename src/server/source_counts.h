// How many connections each source has: an IPv4 address, or an IPv6 /56, since a customer of an
// IPv6 network has all of one. One may serve all workers: which of them a source's connections come
// to is the kernel's choice. It is touched when a connection begins and when it ends.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/five_tuple.h"

namespace turnpike::server {

// Any thread.
class SourceCounts {
 public:
  explicit SourceCounts(const HashKey& hash_key) : counts_(0, IpHash{hash_key}) {}

  // False, and nothing counted, when the source has `limit` already; 0 is no limit. Check and take
  // are one step.
  [[nodiscard]] bool add(const Ip& source, uint32_t limit);
  [[nodiscard]] bool is_full(const Ip& source, uint32_t limit) const;
  // Requires an add() that was not removed yet.
  void remove(const Ip& source);

  // Those that have at least one.
  [[nodiscard]] size_t sources() const;

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<Ip, uint32_t, IpHash> counts_;
};

}  // namespace turnpike::server
