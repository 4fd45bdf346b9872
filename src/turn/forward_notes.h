// Five-tuples whose packets come to this worker while another one holds their allocation (RFC 8016
// moves). Made only on the word of that worker, after the client has authenticated there.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/five_tuple.h"
#include "base/time.h"
#include "turn/route.h"

namespace turnpike::turn {

struct ForwardNote {
  uint32_t owner = 0;  // The worker that holds the allocation.
  LinkId link;
  Instant deadline;
};

class ForwardNotes {
 public:
  // Each is an allocation that came from elsewhere, and clients seldom change their address.
  static constexpr size_t kMax = 65536;

  explicit ForwardNotes(const HashKey& hash_key) : notes_(0, FiveTupleHash{hash_key}) {}

  [[nodiscard]] bool empty() const { return notes_.empty(); }
  [[nodiscard]] size_t size() const { return notes_.size(); }
  // nullptr: there is none, or it has expired.
  [[nodiscard]] const ForwardNote* find(const FiveTuple& tuple, Instant now) const;

  // False: there are too many.
  [[nodiscard]] bool put(const FiveTuple& tuple, const ForwardNote& note);
  void erase(const FiveTuple& tuple) { notes_.erase(tuple); }
  // Frees what has expired. It looks at all of them, so it is not for every tick.
  void sweep(Instant now);

 private:
  std::unordered_map<FiveTuple, ForwardNote, FiveTupleHash> notes_;
};

}  // namespace turnpike::turn
