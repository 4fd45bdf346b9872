// Relay sockets that wait for the client which holds their RESERVATION-TOKEN.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "base/time.h"
#include "net/socket.h"
#include "turn/relay_ports.h"

namespace turnpike::relay {

struct RelaySocket {
  net::UdpSocket socket;
  Endpoint external;
};

// One for all workers: the client may come to another worker with its token. Locked, which is fine
// for something that only an Allocate with EVEN-PORT touches. Its size is bounded by the number of
// relay ports, each of which cost its asker an authenticated Allocate.
class Reservations {
 public:
  // Whoever had the token before loses what was reserved.
  void put(turn::ReservationToken token, RelaySocket socket, Instant deadline);
  std::optional<RelaySocket> take(turn::ReservationToken token, Instant now);
  // Closes those whose time is over; called now and then. Answers how many.
  size_t expire(Instant now);
  [[nodiscard]] size_t size() const;

 private:
  struct Entry {
    RelaySocket socket;
    Instant deadline;
  };
  mutable std::mutex mutex_;
  std::map<turn::ReservationToken, Entry> entries_;  // Guarded by mutex_.
};

}  // namespace turnpike::relay
