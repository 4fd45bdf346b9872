#include "net/tx_batch.h"

#include <utility>

#include "base/check.h"

namespace turnpike::net {
namespace {

constexpr size_t kFirstTableSize = 256;

size_t max_segment(const TxItem& item) {
  return item.destination.ip.is_v4() ? TxBatch::kMaxSegmentV4 : TxBatch::kMaxSegmentV6;
}

}  // namespace

TxBatch::TxBatch(const HashKey& key) : key_(key), flows_(kFirstTableSize) {}

void TxBatch::clear() {
  items_.clear();
  runs_.clear();
  queues_.clear();
  flow_count_ = 0;
  latest_flow_ = kNone;
  // Raising the number empties the flow table; when it wraps, old slots could seem to be new.
  if (++batch_ == 0) {
    flows_.assign(flows_.size(), FlowSlot{});
    batch_ = 1;
  }
}

void TxBatch::add(const TxItem& item) {
  DCHECK(item.socket != nullptr);
  const auto index = static_cast<uint32_t>(items_.size());
  items_.push_back({.item = item});
  FlowSlot& flow = flow_slot(item);
  if (flow.run == kNone || !can_join(runs_[flow.run], item)) {
    flow.run = open_run(item, index);
    return;
  }
  Run& run = runs_[flow.run];
  items_[run.last_item].next = index;
  run.last_item = index;
  run.bytes += static_cast<uint32_t>(item.size());
  ++run.length;
  if (item.size() < run.segment_size) run.closed = true;
}

bool TxBatch::same_flow(const TxItem& a, const TxItem& b) const {
  return a.socket == b.socket && a.destination == b.destination && a.source == b.source;
}

bool TxBatch::can_join(const Run& run, const TxItem& item) const {
  // An empty datagram would vanish at the end of a run.
  return !run.closed && item.size() != 0 && item.size() <= run.segment_size &&
         run.length < kMaxRunLength && run.bytes + item.size() <= kMaxRunBytes &&
         items_[run.first_item].item.marks == item.marks;
}

size_t TxBatch::hash_of(const TxItem& item) const {
  KeyedHasher hasher(key_);
  hasher.add_bytes(item.destination.ip.bytes());
  hasher.add_bytes(item.source.bytes());
  hasher.add_word(static_cast<uint64_t>(item.socket->fd()) << 16 | item.destination.port);
  return static_cast<size_t>(hasher.finish());
}

// The slot of the item's flow; a new one has no run yet and the caller gives it one.
TxBatch::FlowSlot& TxBatch::flow_slot(const TxItem& item) {
  const auto holds = [&](const FlowSlot& slot) {
    return same_flow(items_[runs_[slot.run].first_item].item, item);
  };
  if (latest_flow_ != kNone && holds(flows_[latest_flow_])) return flows_[latest_flow_];
  if (2 * (flow_count_ + 1) > flows_.size()) grow_flow_table();

  const size_t mask = flows_.size() - 1;
  size_t at = hash_of(item) & mask;
  while (flows_[at].batch == batch_ && !holds(flows_[at])) at = (at + 1) & mask;
  if (flows_[at].batch != batch_) {
    flows_[at] = {.batch = batch_, .run = kNone};
    ++flow_count_;
  }
  latest_flow_ = static_cast<uint32_t>(at);
  return flows_[at];
}

void TxBatch::grow_flow_table() {
  const std::vector<FlowSlot> old = std::exchange(flows_, std::vector<FlowSlot>(flows_.size() * 2));
  const size_t mask = flows_.size() - 1;
  for (const FlowSlot& slot : old) {
    if (slot.batch != batch_) continue;
    size_t at = hash_of(items_[runs_[slot.run].first_item].item) & mask;
    while (flows_[at].batch == batch_) at = (at + 1) & mask;
    flows_[at] = slot;
  }
}

uint32_t TxBatch::open_run(const TxItem& item, uint32_t item_index) {
  const auto index = static_cast<uint32_t>(runs_.size());
  const size_t size = item.size();
  const bool alone = size == 0 || size > max_segment(item);
  runs_.push_back({.first_item = item_index,
                   .last_item = item_index,
                   .next_run = kNone,
                   .bytes = static_cast<uint32_t>(size),
                   .length = 1,
                   .segment_size = alone ? uint16_t{0} : static_cast<uint16_t>(size),
                   .closed = alone});
  append_run(*item.socket, index);
  return index;
}

void TxBatch::append_run(UdpSocket& socket, uint32_t run_index) {
  // The socket remembers where its queue was in some batch; that it is here must be checked.
  const uint32_t hint = socket.tx_queue_;
  if (hint < queues_.size() && queues_[hint].socket == &socket) {
    runs_[queues_[hint].last_run].next_run = run_index;
    queues_[hint].last_run = run_index;
    return;
  }
  socket.tx_queue_ = static_cast<uint32_t>(queues_.size());
  queues_.push_back({.socket = &socket, .first_run = run_index, .last_run = run_index});
}

}  // namespace turnpike::net
