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
// for something that only an Allocate with EVEN-PORT touches. What is reserved is in nobody's
// quota, so there is a limit: without one a single user could keep all relay ports for himself.
class Reservations {
 public:
  static constexpr size_t kMost = 1000;
  explicit Reservations(size_t most = kMost) : most_(most) {}

  // Asked before something is opened to be reserved. Workers that ask at the same moment may exceed
  // the limit by one each.
  [[nodiscard]] bool has_room() const { return size() < most_; }
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
  const size_t most_;
  mutable std::mutex mutex_;
  std::map<turn::ReservationToken, Entry> entries_;  // Guarded by mutex_.
};

}  // namespace turnpike::relay
