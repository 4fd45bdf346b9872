// Finds users by userhash (RFC 8489 section 14.4) where the database has no userhash for them:
// those that other tools have added. 16 bytes a user, so that a large database stays small here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "stun/integrity.h"

namespace turnpike::auth {

class UserhashIndex {
 public:
  void add(const stun::Sha256Mac& userhash, int64_t row);
  // Once after the last add() and before the first find().
  void seal();

  struct Entry {
    uint64_t prefix;  // Of the userhash.
    int64_t row;
  };
  // The rows whose userhash begins as this one does: seldom more than one. The caller compares the
  // rest. Valid until the next add().
  [[nodiscard]] std::span<const Entry> find(const stun::Sha256Mac& userhash) const;

 private:
  std::vector<Entry> entries_;  // Ordered by prefix once sealed.
};

}  // namespace turnpike::auth
