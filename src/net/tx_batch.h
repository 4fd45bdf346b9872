// The datagrams of one turn, sorted into runs that can cross the kernel in one piece.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/keyed_hash.h"
#include "net/socket.h"

namespace turnpike::net {

struct TxMarks {
  bool dont_fragment = false;
  uint8_t ttl = 0;  // 0: the system's default.
  uint8_t tos = 0;  // DSCP and ECN.

  friend bool operator==(const TxMarks&, const TxMarks&) = default;
};

// Everything in it is borrowed: the bytes and the socket must stay until the batch is sent.
struct TxItem {
  UdpSocket* socket = nullptr;
  Endpoint destination = {};
  Ip source = {};  // For sockets on a wildcard address; unspecified: the kernel chooses.
  ByteView header = {};
  ByteView payload = {};  // Leaves right behind the header.
  TxMarks marks = {};

  [[nodiscard]] size_t size() const { return header.size() + payload.size(); }
};

// Datagrams of one flow (socket, destination, source) leave in the order in which they were added;
// between flows there is no order. Not thread-safe. It allocates only until it has seen its largest
// batch.
class TxBatch {
 public:
  // The kernel's limits for one run, and the longest datagram that fits an Ethernet frame: a longer
  // one would be refused as a segment.
  static constexpr size_t kMaxRunLength = 64;
  static constexpr size_t kMaxRunBytes = 65507;
  static constexpr size_t kMaxSegmentV4 = 1472;
  static constexpr size_t kMaxSegmentV6 = 1452;
  static constexpr uint32_t kNone = UINT32_MAX;

  // Consecutive datagrams of one flow with the same marks: all of `segment_size` bytes, but the
  // last may be shorter.
  struct Run {
    uint32_t first_item = kNone;
    uint32_t last_item = kNone;
    uint32_t next_run = kNone;  // Of the same socket.
    uint32_t bytes = 0;
    uint16_t length = 0;
    uint16_t segment_size = 0;
    bool closed = false;
  };

  // The runs of one socket, in order.
  struct Queue {
    UdpSocket* socket = nullptr;
    uint32_t first_run = kNone;
    uint32_t last_run = kNone;
  };

  // Peers and clients choose the addresses that are hashed, hence the key.
  explicit TxBatch(const HashKey& key);

  void add(const TxItem& item);
  void clear();
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] size_t size() const { return items_.size(); }

  // For implementations of DatagramIo.
  [[nodiscard]] std::span<const Queue> queues() const { return queues_; }
  [[nodiscard]] const Run& run(uint32_t index) const { return runs_[index]; }
  [[nodiscard]] const TxItem& item(uint32_t index) const { return items_[index].item; }
  [[nodiscard]] uint32_t next_item(uint32_t index) const { return items_[index].next; }

 private:
  struct Link {
    TxItem item;
    uint32_t next = kNone;  // In the same run.
  };
  // A slot of the flow table: the latest run of a flow. Slots of earlier batches are empty.
  struct FlowSlot {
    uint32_t batch = 0;
    uint32_t run = kNone;
  };

  [[nodiscard]] bool same_flow(const TxItem& a, const TxItem& b) const;
  [[nodiscard]] bool can_join(const Run& run, const TxItem& item) const;
  [[nodiscard]] size_t hash_of(const TxItem& item) const;
  FlowSlot& flow_slot(const TxItem& item);
  void grow_flow_table();
  void append_run(UdpSocket& socket, uint32_t run_index);
  uint32_t open_run(const TxItem& item, uint32_t item_index);

  HashKey key_;
  std::vector<Link> items_;
  std::vector<Run> runs_;
  std::vector<Queue> queues_;
  std::vector<FlowSlot> flows_;  // Open addressing; a power of two, at most half full.
  size_t flow_count_ = 0;
  uint32_t batch_ = 1;
  uint32_t latest_flow_ = kNone;  // The slot of the item added last: most items follow their kin.
};

}  // namespace turnpike::net
