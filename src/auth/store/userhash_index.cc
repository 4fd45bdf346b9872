#include "auth/store/userhash_index.h"

#include <algorithm>

namespace turnpike::auth {
namespace {

uint64_t prefix_of(const stun::Sha256Mac& userhash) {
  uint64_t prefix = 0;
  for (size_t i = 0; i < sizeof(prefix); ++i) prefix = prefix << 8 | userhash.at(i);
  return prefix;
}

struct ByPrefix {
  bool operator()(const UserhashIndex::Entry& a, const UserhashIndex::Entry& b) const {
    return a.prefix < b.prefix;
  }
};

}  // namespace

void UserhashIndex::add(const stun::Sha256Mac& userhash, int64_t row) {
  entries_.push_back({prefix_of(userhash), row});
}

void UserhashIndex::seal() {
  std::sort(entries_.begin(), entries_.end(), ByPrefix());
}

std::span<const UserhashIndex::Entry> UserhashIndex::find(const stun::Sha256Mac& userhash) const {
  const auto [first, last] =
      std::equal_range(entries_.begin(), entries_.end(), Entry{prefix_of(userhash), 0}, ByPrefix());
  return {first, last};
}

}  // namespace turnpike::auth
