#include "turn/forward_notes.h"

namespace turnpike::turn {

const ForwardNote* ForwardNotes::find(const FiveTuple& tuple, Instant now) const {
  const auto found = notes_.find(tuple);
  return found == notes_.end() || found->second.deadline <= now ? nullptr : &found->second;
}

bool ForwardNotes::put(const FiveTuple& tuple, const ForwardNote& note) {
  if (notes_.size() >= kMax && notes_.count(tuple) == 0) return false;
  notes_.insert_or_assign(tuple, note);
  return true;
}

void ForwardNotes::sweep(Instant now) {
  std::erase_if(notes_, [now](const auto& entry) { return entry.second.deadline <= now; });
}

}  // namespace turnpike::turn
