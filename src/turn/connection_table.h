// The peer connections of one worker: the only owner of what the core knows of them.
#pragma once

#include <deque>
#include <unordered_map>

#include "base/random.h"
#include "base/slab.h"
#include "turn/connection.h"

namespace turnpike::turn {

class ConnectionTable {
 public:
  // Ids are congruent to `worker` modulo `workers`, so that any worker knows whose one is.
  ConnectionTable(uint32_t worker, uint32_t workers) : worker_(worker), workers_(workers) {}

  [[nodiscard]] Connection* find(ConnectionRef ref) { return slab_.find(ref); }
  [[nodiscard]] Connection* find_id(uint32_t id);
  [[nodiscard]] uint32_t worker_of(uint32_t id) const { return id % workers_; }

  Connection& add(RelayId relay, const Endpoint& peer, PeerReach reach);
  // A CONNECTION-ID that nobody can guess and no living connection has.
  void give_id(Connection& connection, RandomSource& random);
  // From now on, and until it is bound, the connection is due at `deadline`. Deadlines must not go
  // back from call to call: all waits are of one length.
  void set_deadline(Connection& connection, Instant deadline);
  void erase(Connection& connection);

  // Calls `due` for each connection whose deadline has passed; it must erase it.
  template <typename Due>
  void expire(Instant now, Due&& due) {
    while (!waiting_.empty() && waiting_.front().deadline <= now) {
      Connection* connection = find(waiting_.front().ref);
      waiting_.pop_front();
      // One that was set anew stands further back, too.
      const bool waits = connection != nullptr && connection->state != ConnectionState::bound;
      if (waits && connection->deadline <= now) due(*connection);
    }
  }

  [[nodiscard]] size_t size() const { return slab_.size(); }
  template <typename Visit>
  void for_each(Visit&& visit) {
    slab_.for_each([&](SlabHandle, Connection& connection) { visit(connection); });
  }

 private:
  struct Waiting {
    ConnectionRef ref;
    Instant deadline;
  };

  uint32_t worker_;
  uint32_t workers_;
  Slab<Connection> slab_;
  std::unordered_map<uint32_t, ConnectionRef> by_id_;  // Our own random numbers: no keyed hash.
  std::deque<Waiting> waiting_;                        // In the order of their deadlines.
};

}  // namespace turnpike::turn
