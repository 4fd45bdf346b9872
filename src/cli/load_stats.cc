#include "cli/load_stats.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "stun/types.h"

namespace turnpike::cli {

void Histogram::add(Duration time) {
  const auto ns = static_cast<uint64_t>(std::max<int64_t>(time.count(), 0));
  max_ = std::max(max_, time);
  ++count_;
  // Below kSteps each value has a bucket of its own; above, each doubling has kSteps of them.
  size_t index = ns;
  if (ns >= kSteps) {
    const auto octave = static_cast<size_t>(std::bit_width(ns)) - std::bit_width(kSteps) + 1;
    index = octave * kSteps + (ns >> (octave - 1)) - kSteps;
  }
  ++buckets_[std::min(index, buckets_.size() - 1)];
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Duration Histogram::quantile(double share) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen < wanted || seen == 0) continue;
    if (i < kSteps) return Duration(static_cast<int64_t>(i));
    const size_t octave = i / kSteps;
    const uint64_t upper = (i % kSteps + kSteps + 1) << (octave - 1);
    return std::min(Duration(static_cast<int64_t>(upper)), max_);
  }
  return max_;
}

Sequence::Kind Sequence::see(uint32_t number) {
  if (number >= next_) {
    const uint32_t step = number - next_ + 1;
    window_ = step < 64 ? window_ << step | 1 : 1;
    next_ = number + 1;
    return Kind::in_order;
  }
  const uint32_t age = next_ - 1 - number;
  if (age >= 64) return Kind::late;
  const uint64_t bit = uint64_t{1} << age;
  if ((window_ & bit) != 0) return Kind::repeated;
  window_ |= bit;
  return Kind::late;
}

void FlowStats::count(Sequence::Kind kind) {
  if (kind == Sequence::Kind::repeated) {
    ++repeated;
    return;
  }
  ++received;
  if (kind == Sequence::Kind::late) ++late;
}

void FlowStats::merge(const FlowStats& other) {
  sent += other.sent;
  received += other.received;
  late += other.late;
  repeated += other.repeated;
  damaged += other.damaged;
}

void LoadStats::fail(const client::RequestFailed& failure) {
  std::string what(stun::name(failure.method));
  if (failure.code != 0) {
    what += " " + std::to_string(failure.code);
  } else if (failure.kind == client::FailureKind::timed_out) {
    what += " without answer";
  } else {
    what += " failed";
  }
  ++failures[what];
}

void LoadStats::merge(const LoadStats& other) {
  ready += other.ready;
  for (const auto& [what, count] : other.failures) failures[what] += count;
  setup.merge(other.setup);
  to_peer.merge(other.to_peer);
  to_client.merge(other.to_client);
  cycles += other.cycles;
  begun += other.begun;
  skipped += other.skipped;
  lost_allocations += other.lost_allocations;
  released += other.released;
  latency.merge(other.latency);
  behind += other.behind;
  measured_relayed += other.measured_relayed;
  measured_cycles += other.measured_cycles;
}

}  // namespace turnpike::cli
