// What the core wants sent and done, as data. The caller owns it, carries it out at the end of a
// batch and clears it. Views point into the packets of the batch and into the arena here; all are
// valid until clear().
#pragma once

#include <vector>

#include "base/bytes.h"
#include "turn/effects.h"
#include "turn/relay_ports.h"
#include "turn/route.h"

namespace turnpike::turn {

enum class Precious : uint8_t { no, yes };  // Media may be dropped on a full queue, answers not.

struct ToClient {
  LinkId link;
  Endpoint client;
  Ip server_ip;  // The source that the client expects.
  ByteView head;
  ByteView body;
  Precious precious = Precious::no;
};

enum class Fragmenting : uint8_t { allowed, forbidden };

struct ToPeer {
  RelayId relay;
  Endpoint peer;
  ByteView payload;
  Fragmenting fragmenting = Fragmenting::allowed;
};

// For an allocation that another worker holds.
struct ToWorker {
  uint32_t worker = 0;
  RelayId relay;
  Endpoint source;
  ByteView payload;
};

// A packet of a client whose allocation another worker holds.
struct ToOwner {
  uint32_t worker = 0;
  ClientRoute from;
  ByteView packet;
};

class Outbox {
 public:
  // One batch of received packets needs about this much for headers and copies.
  explicit Outbox(size_t arena_size = size_t{256} * 1024) : arena_(arena_size) {}

  std::vector<ToClient> to_client;
  std::vector<ToPeer> to_peer;
  std::vector<ToWorker> to_worker;
  std::vector<ToOwner> to_owner;
  std::vector<Effect> effects;

  [[nodiscard]] bool empty() const {
    return to_client.empty() && to_peer.empty() && to_worker.empty() && to_owner.empty() &&
           effects.empty();
  }

  // Uninitialised room until clear(); empty when the arena is used up.
  ByteSpan claim(size_t size) {
    if (size > arena_.size() - used_) return {};
    const ByteSpan room = ByteSpan(arena_).subspan(used_, size);
    used_ += size;
    return room;
  }
  // Returns the unused tail of the latest claim.
  void give_back(size_t size) { used_ -= size; }

  // The caller should flush before the next packet: what one packet can need may not fit.
  [[nodiscard]] bool nearly_full() const { return arena_.size() - used_ < kOnePacketMax; }

  void clear() {
    to_client.clear();
    to_peer.clear();
    to_worker.clear();
    to_owner.clear();
    effects.clear();
    used_ = 0;
  }

 private:
  static constexpr size_t kOnePacketMax = size_t{68} * 1024;

  std::vector<uint8_t> arena_;
  size_t used_ = 0;
};

}  // namespace turnpike::turn
