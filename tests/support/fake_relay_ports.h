// Relayed addresses without sockets, for tests and the simulation.
//
// FakePortSpace is what the workers of one host share: which ports are taken, and the reservations.
// FakeRelayPorts is one worker's view of it. Both can be told to fail.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/slab.h"
#include "turn/relay_ports.h"

namespace turnpike::testing {

class FakeRelayPorts;

struct FakeAddress {
  Ip local;
  Ip external;
};

class FakePortSpace {
 public:
  uint16_t min_port = 49152;
  uint16_t max_port = 65535;

  // The relay address of a family; without one opening answers no_address.
  void set_address(IpFamily family, const std::optional<FakeAddress>& address) {
    addresses_[family == IpFamily::v4 ? 0 : 1] = address;
  }

  [[nodiscard]] size_t ports_taken() const { return taken_.size(); }
  [[nodiscard]] size_t reservations() const { return reserved_.size(); }
  // Gives back the reservations whose time is over.
  void expire_reservations(Instant now);

 private:
  friend class FakeRelayPorts;
  struct Reservation {
    Endpoint local;
    Endpoint external;
    Instant deadline;
  };

  [[nodiscard]] const std::optional<FakeAddress>& address(IpFamily family) const {
    return addresses_[family == IpFamily::v4 ? 0 : 1];
  }
  std::optional<uint16_t> take_port(const Ip& local, turn::PortNeed need);

  std::array<std::optional<FakeAddress>, 2> addresses_;
  std::set<Endpoint> taken_;  // Local forms.
  std::map<turn::ReservationToken, Reservation> reserved_;
  uint32_t cursor_ = 0;
};

// Every lease must be gone before this is.
class FakeRelayPorts final : public turn::RelayPorts {
 public:
  explicit FakeRelayPorts(FakePortSpace& space) : space_(space) {}

  Result<turn::OpenedPorts, turn::OpenError> open(const turn::OpenRequest& request) override;
  void park(turn::RelayLease lease, turn::ReservationToken token, Instant deadline) override;
  std::optional<turn::RelayLease> claim(turn::ReservationToken token, Instant now) override;

  // From now on opening an address of that family fails like this; nothing: it works again.
  void fail(IpFamily family, std::optional<turn::OpenError> error) {
    failures_[family == IpFamily::v4 ? 0 : 1] = error;
  }

  // Addresses that somebody holds a lease of.
  [[nodiscard]] size_t open_leases() const { return open_.size(); }
  [[nodiscard]] const std::vector<turn::OpenRequest>& requests() const { return requests_; }
  // Of an open address, by its local or its external form.
  [[nodiscard]] std::optional<turn::RelayId> find(const Endpoint& endpoint);
  // Of an open one; nullptr for a stale id.
  [[nodiscard]] const Endpoint* external_of(turn::RelayId id);
  [[nodiscard]] const Endpoint* local_of(turn::RelayId id);

 private:
  struct Open {
    Endpoint local;
    Endpoint external;
  };

  void close(turn::RelayId id) override;
  turn::RelayLease make_lease(const Endpoint& local, const Endpoint& external);

  FakePortSpace& space_;
  Slab<Open> open_;
  std::set<std::pair<uint32_t, uint32_t>> parked_;  // Ids whose port stays taken when they close.
  std::array<std::optional<turn::OpenError>, 2> failures_;
  std::vector<turn::OpenRequest> requests_;
};

}  // namespace turnpike::testing
