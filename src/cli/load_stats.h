// What one thread of the load generator counts. Each has its own; they are added up at the end.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"
#include "client/events.h"

namespace turnpike::cli {

// Durations in buckets whose width is a 32nd of what they hold, from a nanosecond to minutes.
class Histogram {
 public:
  void add(Duration time);
  void merge(const Histogram& other);
  [[nodiscard]] uint64_t count() const { return count_; }
  // The upper edge of the bucket that the part `share` (0 to 1) of all durations does not exceed.
  [[nodiscard]] Duration quantile(double share) const;
  [[nodiscard]] Duration max() const { return max_; }

 private:
  static constexpr size_t kSteps = 32;
  static constexpr size_t kOctaves = 38;
  std::array<uint32_t, kSteps * kOctaves> buckets_{};
  uint64_t count_ = 0;
  Duration max_{};
};

// Notices loss, repetition and disorder in a stream of numbers.
class Sequence {
 public:
  enum class Kind : uint8_t { in_order, late, repeated };
  Kind see(uint32_t number);

 private:
  uint32_t next_ = 0;  // One above the highest number seen.
  uint64_t window_ =
      0;  // Bit i: next_ - 1 - i was seen. What lies below counts as not seen before.
};

// One way of the data.
struct FlowStats {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t late = 0;
  uint64_t repeated = 0;
  uint64_t damaged = 0;
  void merge(const FlowStats& other);
  void count(Sequence::Kind kind);
};

// Datagrams that this process itself lost. They are part of the loss that is told, since nobody
// can say of an echo on which way it went, so a run with many of them says nothing of the server.
struct OwnDrops {
  uint64_t sending = 0;
  uint64_t receiving = 0;
};

struct LoadStats {
  uint64_t ready = 0;  // Clients with all that the shape needs.
  std::map<std::string, uint64_t> failures;
  Histogram setup;  // From the first request of a client to its being ready.

  FlowStats to_peer;
  FlowStats to_client;
  uint64_t cycles = 0;   // Churn: completed; binding: answered.
  uint64_t begun = 0;    // Of those.
  uint64_t skipped = 0;  // Not begun: no client was free.
  uint64_t lost_allocations = 0;
  uint64_t released = 0;  // At the end, with an answer of the server.
  Histogram latency;      // Measured time only.
  uint64_t behind = 0;    // Periods that this process could not keep.

  // Of the above, what fell into the measured time.
  uint64_t measured_relayed = 0;
  uint64_t measured_cycles = 0;

  void fail(const client::RequestFailed& failure);
  void merge(const LoadStats& other);
};

}  // namespace turnpike::cli
