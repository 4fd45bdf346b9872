// What became of every datagram that passed one worker's sockets.
#pragma once

#include <array>
#include <bit>
#include <cstddef>

#include "base/counter.h"

namespace turnpike::net {

// How many datagrams crossed the kernel together: 1, 2-3, 4-7, 8-15, 16-31, 32 and more.
class RunHistogram {
 public:
  static constexpr size_t kBuckets = 6;

  void add(size_t run_length) {
    const auto bucket = static_cast<size_t>(std::bit_width(run_length | 1)) - 1;
    buckets_[bucket < kBuckets ? bucket : kBuckets - 1].add();
  }
  [[nodiscard]] const std::array<Counter, kBuckets>& buckets() const { return buckets_; }

 private:
  std::array<Counter, kBuckets> buckets_;
};

// Written by one worker, read by any thread. In: every datagram that the kernel had for us is in
// rx_datagrams or in one rx_drop counter (one that the kernel joined before it was truncated counts
// once). Out: every item of a batch is in tx_datagrams or in one tx_drop counter.
struct IoCounters {
  Counter rx_datagrams;
  Counter rx_bytes;
  Counter rx_calls;
  RunHistogram rx_runs;
  Counter rx_drop_truncated;   // Longer than a slot of the slab.
  Counter rx_drop_queue_full;  // The kernel's receive queue overflowed.
  Counter rx_no_room;          // Receiving waits: the slab is full until the next flush.
  Counter rx_errors;

  Counter tx_datagrams;
  Counter tx_bytes;
  Counter tx_calls;
  RunHistogram tx_runs;
  Counter tx_drop_would_block;    // The socket's send buffer is full.
  Counter tx_drop_no_buffers;     // An interface's queue is full, or the kernel has no memory.
  Counter tx_drop_too_big;        // With DF, or beyond what UDP can carry.
  Counter tx_drop_unreachable;    // No route, or a neighbour that does not answer.
  Counter tx_drop_not_permitted;  // A firewall, or a broadcast address.
  Counter tx_drop_other;
  Counter tx_gso_disabled;       // Sockets that fell back to plain sends for good.
  Counter tx_gso_path_disabled;  // Times that a path turned out too narrow for a run's segments.
  Counter icmp_errors;
};

}  // namespace turnpike::net
