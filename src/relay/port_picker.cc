#include "relay/port_picker.h"

#include <algorithm>

#include "base/check.h"

namespace turnpike::relay {

using turn::PortNeed;

PortPicker::PortPicker(uint16_t min, uint16_t max)
    : min_(min), max_(max), busy_(static_cast<size_t>(max - min) + 1) {
  CHECK(min <= max);
}

bool PortPicker::is_busy(uint16_t port) const {
  return busy_[port - min_];
}

void PortPicker::set_busy(uint16_t port, bool busy) {
  if (in_range(port)) busy_[port - min_] = busy;
}

uint16_t PortPicker::first_candidate(PortNeed need) const {
  return need == PortNeed::any ? min_ : static_cast<uint16_t>(min_ + min_ % 2);
}

uint32_t PortPicker::candidates(PortNeed need) const {
  const uint32_t first = first_candidate(need);
  const uint32_t last = need == PortNeed::even_and_next ? max_ - 1U : max_;
  if (first < min_ || last < first) return 0;
  return need == PortNeed::any ? last - first + 1 : (last - first) / 2 + 1;
}

PortPicker::Search PortPicker::search(PortNeed need, RandomSource& random, Instant now) {
  if (now - remembered_since_ >= kMemory) {
    std::fill(busy_.begin(), busy_.end(), false);
    remembered_since_ = now;
    full_walk_used_ = false;
  }
  const uint32_t count = candidates(need);
  return {*this, need, count == 0 ? 0 : static_cast<uint32_t>(random.below(count))};
}

PortPicker::Search::Search(PortPicker& picker, PortNeed need, uint32_t start)
    : picker_(picker),
      need_(need),
      step_(need == PortNeed::any ? 1 : 2),
      count_(picker.candidates(need)),
      position_(start) {}

std::optional<uint16_t> PortPicker::Search::next() {
  if (tries_ == kMaxTries) {
    // Without one full walk now and then, the last free ports of a range might never be found.
    if (picker_.full_walk_used_) return {};
    picker_.full_walk_used_ = true;
  }
  while (visited_ < count_) {
    const auto port = static_cast<uint16_t>(picker_.first_candidate(need_) + position_ * step_);
    position_ = position_ + 1 == count_ ? 0 : position_ + 1;
    ++visited_;
    if (picker_.is_busy(port)) continue;
    if (need_ == PortNeed::even_and_next && picker_.is_busy(static_cast<uint16_t>(port + 1))) {
      continue;
    }
    ++tries_;
    return port;
  }
  return {};
}

}  // namespace turnpike::relay
