#include "turn/allocation_table.h"

#include "base/check.h"

namespace turnpike::turn {

AllocationTable::AllocationTable(const HashKey& hash_key, RelayDirectory& directory,
                                 uint32_t worker, Instant start)
    : directory_(directory), worker_(worker), wheel_(start), hash_{hash_key} {}

AllocationTable::~AllocationTable() {
  for_each([this](Allocation& allocation) {
    for (const RelayLease& relay : allocation.relays) {
      if (relay) unpublish(relay, allocation.transport);
    }
  });
}

Allocation* AllocationTable::find(const FiveTuple& tuple) {
  return by_tuple_.find(hash_(tuple), [&](SlabHandle handle) -> Allocation* {
    Allocation* allocation = slab_.find(handle);
    return allocation->route_at(tuple) != nullptr ? allocation : nullptr;
  });
}

Allocation* AllocationTable::find(const ClientRoute& route) {
  Allocation* allocation = find(route.tuple);
  return allocation != nullptr && allocation->has_link(route.link) ? allocation : nullptr;
}

Allocation* AllocationTable::find(RelayId relay) {
  if (relay.index >= by_relay_.size()) return nullptr;
  const RelayEntry& entry = by_relay_[relay.index];
  return entry.generation == relay.generation ? slab_.find(entry.allocation) : nullptr;
}

const RelayLease* AllocationTable::lease_of(const Allocation& allocation, RelayId relay) {
  for (const RelayLease& lease : allocation.relays) {
    if (lease && lease.id() == relay) return &lease;
  }
  return nullptr;
}

Allocation& AllocationTable::create(const ClientRoute& route, Instant deadline) {
  const SlabHandle handle = slab_.emplace();
  Allocation& allocation = *slab_.find(handle);
  allocation.handle = handle;
  allocation.deadline = deadline;
  add_tuple(allocation, route.tuple);
  allocation.route = route;
  wheel_.schedule(allocation, deadline);
  return allocation;
}

void AllocationTable::add_tuple(const Allocation& allocation, const FiveTuple& tuple) {
  CHECK(find(tuple) == nullptr);
  by_tuple_.insert(hash_(tuple), allocation.handle);
}

void AllocationTable::remove_tuple(const Allocation& allocation, const FiveTuple& tuple) {
  CHECK(by_tuple_.erase(hash_(tuple), allocation.handle));
}

void AllocationTable::publish_relays(Allocation& allocation) {
  for (const RelayLease& relay : allocation.relays) {
    if (!relay) continue;
    if (relay.id().index >= by_relay_.size()) by_relay_.resize(relay.id().index + 1);
    by_relay_[relay.id().index] = {relay.id().generation, allocation.handle};
    directory_.set(relay.external(), relay.local().ip, {worker_, relay.id(), allocation.transport});
  }
}

void AllocationTable::unpublish(const RelayLease& relay, RelayTransport transport) {
  if (transport == RelayTransport::tcp) {
    directory_.clear_tcp(relay.external());
  } else {
    directory_.clear(relay.external());
  }
  if (relay.id().index < by_relay_.size()) by_relay_[relay.id().index] = {};
}

void AllocationTable::release_relay(Allocation& allocation, IpFamily family) {
  for (RelayLease& relay : allocation.relays) {
    if (!relay || relay.external().ip.family() != family) continue;
    unpublish(relay, allocation.transport);
    relay.reset();
  }
  allocation.permissions.erase(family);
  allocation.channels.erase(family);
}

void AllocationTable::erase(Allocation& allocation) {
  for (const RelayLease& relay : allocation.relays) {
    if (relay) unpublish(relay, allocation.transport);
  }
  const Mobility* mobility = allocation.mobility.get();
  if (mobility == nullptr || !mobility->away) remove_tuple(allocation, allocation.route.tuple);
  if (mobility != nullptr && mobility->pending) {
    remove_tuple(allocation, mobility->pending->tuple);
  }
  slab_.erase(allocation.handle);
}

}  // namespace turnpike::turn
