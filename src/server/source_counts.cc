#include "server/source_counts.h"

#include <algorithm>

#include "base/check.h"

namespace turnpike::server {
namespace {

constexpr size_t kV6PrefixBytes = 7;

Ip prefix_of(const Ip& ip) {
  if (ip.is_v4()) return ip;
  auto bytes = ip.bytes();
  std::fill(bytes.begin() + kV6PrefixBytes, bytes.end(), uint8_t{0});
  return Ip::from_v6(bytes);
}

}  // namespace

bool SourceCounts::is_full(const Ip& source, uint32_t limit) const {
  if (limit == 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(prefix_of(source));
  return found != counts_.end() && found->second >= limit;
}

bool SourceCounts::add(const Ip& source, uint32_t limit) {
  const std::lock_guard lock(mutex_);
  uint32_t& count = counts_[prefix_of(source)];
  if (limit != 0 && count >= limit) return false;
  ++count;
  return true;
}

size_t SourceCounts::sources() const {
  const std::lock_guard lock(mutex_);
  return counts_.size();
}

void SourceCounts::remove(const Ip& source) {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(prefix_of(source));
  CHECK(found != counts_.end());
  if (--found->second == 0) counts_.erase(found);
}

}  // namespace turnpike::server
