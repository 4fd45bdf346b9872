// All allocations of one worker: the only owner, and the only place where one ends.
#pragma once

#include <vector>

#include "base/five_tuple.h"
#include "base/handle_index.h"
#include "base/slab.h"
#include "base/timer_wheel.h"
#include "turn/allocation.h"
#include "turn/relay_directory.h"

namespace turnpike::turn {

class AllocationTable {
 public:
  AllocationTable(const HashKey& hash_key, RelayDirectory& directory, uint32_t worker,
                  Instant start);
  ~AllocationTable();
  AllocationTable(const AllocationTable&) = delete;
  AllocationTable& operator=(const AllocationTable&) = delete;

  // Whoever holds the five-tuple, over whichever link.
  [[nodiscard]] Allocation* find(const FiveTuple& tuple);
  // The allocation of the client at the other end of this link: behind a load balancer two
  // connections may claim one five-tuple (PROXY protocol), and only the first has an allocation.
  [[nodiscard]] Allocation* find(const ClientRoute& route);
  [[nodiscard]] Allocation* find(RelayId relay);
  [[nodiscard]] Allocation* find(SlabHandle handle) { return slab_.find(handle); }
  // The lease within `find(relay)` that `relay` names.
  [[nodiscard]] static const RelayLease* lease_of(const Allocation& allocation, RelayId relay);

  // A new allocation for `route`, with no address yet. Requires that the tuple has none.
  Allocation& create(const ClientRoute& route, Instant deadline);
  // A move (RFC 8016): the allocation is found under this five-tuple as well, or no longer, as soon
  // as its own routes say the same. Requires that the tuple has none, and that the allocation's
  // routes do not name it yet; that it was added and not removed.
  void add_tuple(const Allocation& allocation, const FiveTuple& tuple);
  void remove_tuple(const Allocation& allocation, const FiveTuple& tuple);
  // Makes the allocation reachable by its relays. Called once, when they are set.
  void publish_relays(Allocation& allocation);
  void erase(Allocation& allocation);
  // Gives one of two relayed addresses back, with the permissions and channels of its family.
  void release_relay(Allocation& allocation, IpFamily family);

  // Calls `expired` for each allocation whose deadline has passed; it is erased afterwards.
  template <typename Expired>
  void advance(Instant now, Expired&& expired) {
    wheel_.advance(now, [&](TimerNode& node) {
      auto& allocation = static_cast<Allocation&>(node);
      if (now < allocation.deadline) {
        wheel_.schedule(allocation, allocation.deadline);
        return;
      }
      expired(allocation);
      erase(allocation);
    });
  }

  // A shorter deadline has to be filed anew; a longer one re-files itself.
  void deadline_shortened(Allocation& allocation) {
    wheel_.schedule(allocation, allocation.deadline);
  }

  [[nodiscard]] size_t size() const { return slab_.size(); }

  template <typename Visit>
  void for_each(Visit&& visit) {
    slab_.for_each([&](SlabHandle, Allocation& allocation) { visit(allocation); });
  }

 private:
  void unpublish(const RelayLease& relay, RelayTransport transport);

  struct RelayEntry {
    uint32_t generation = 0;
    SlabHandle allocation;
  };

  RelayDirectory& directory_;
  uint32_t worker_;
  TimerWheel wheel_;
  Slab<Allocation> slab_;
  FiveTupleHash hash_;
  HandleIndex by_tuple_;              // The tuples themselves are the allocations'.
  std::vector<RelayEntry> by_relay_;  // Index: RelayId::index.
};

}  // namespace turnpike::turn
