#include "turn/connection_table.h"

namespace turnpike::turn {

Connection* ConnectionTable::find_id(uint32_t id) {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : slab_.find(it->second);
}

Connection& ConnectionTable::add(RelayId relay, const Endpoint& peer, PeerReach reach) {
  const SlabHandle handle = slab_.emplace();
  Connection& connection = *slab_.find(handle);
  connection.ref = handle;
  connection.relay = relay;
  connection.peer = peer;
  connection.reach = reach;
  return connection;
}

void ConnectionTable::give_id(Connection& connection, RandomSource& random) {
  // One draw below the count of ids that are this worker's; there are never nearly so many in use.
  const uint32_t count = UINT32_MAX / workers_;
  do {
    connection.id = static_cast<uint32_t>(random.below(count)) * workers_ + worker_;
    // Some clients take zero for "none".
  } while (connection.id == 0 || by_id_.contains(connection.id));
  by_id_.emplace(connection.id, connection.ref);
}

void ConnectionTable::set_deadline(Connection& connection, Instant deadline) {
  connection.deadline = deadline;
  waiting_.push_back({connection.ref, deadline});
}

void ConnectionTable::erase(Connection& connection) {
  if (connection.id != 0) by_id_.erase(connection.id);
  slab_.erase(connection.ref);
}

}  // namespace turnpike::turn
