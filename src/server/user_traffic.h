// Traffic by realm, or by realm and user for `prometheus-username-labels`. Users come and go
// without end, and a label value stays in Prometheus for ever, so there are places for a fixed
// number of them; whoever finds none is counted among the others.
//
// Each worker books the traffic of its sessions once a second, in counters of its own. The lock is
// taken when a session begins or ends, and by a scrape; never for a packet.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counter.h"
#include "base/time.h"
#include "turn/allocation.h"
#include "turn/effects.h"

namespace turnpike::server {

class UserTraffic {
 public:
  static constexpr uint32_t kPlaces = 1000;
  // Who has had no session for so long may lose his place to another, whose counts begin anew; his
  // own go to the others. Longer than anybody waits between two scrapes.
  static constexpr Duration kPlaceKept = seconds(600);

  struct Totals {
    turn::Traffic from_client;
    turn::Traffic to_client;
  };
  struct Named {
    std::string realm;
    std::string user;  // Empty where realms alone are told apart.
    Totals totals;
  };
  struct Report {
    std::vector<Named> users;
    Totals others;
  };

  enum class By : uint8_t { realm, realm_and_user };

  explicit UserTraffic(uint32_t workers, By by = By::realm_and_user);

  // On the worker's own thread: what an allocation relayed since it was last booked.
  void book(uint32_t worker, turn::Allocation& allocation, Instant now);
  // The rest of one that has ended.
  void close(uint32_t worker, const turn::AllocationClosed& closed, Instant now);

  // Any thread.
  [[nodiscard]] Report read() const;
  [[nodiscard]] By by() const { return by_; }

 private:
  // The one after the last place is that of the others.
  static constexpr uint32_t kOthers = kPlaces;

  struct Slot {
    Counter from_client_packets;
    Counter from_client_bytes;
    Counter to_client_packets;
    Counter to_client_bytes;
  };
  using Book = std::array<Slot, kPlaces + 1>;
  struct Place {
    std::string realm;
    std::string user;
    uint32_t sessions = 0;
    Instant left{};
    Totals before;  // What had been counted here when this user came.
  };

  uint32_t enter(std::string_view realm, std::string_view user, Instant now);
  void leave(uint32_t slot, Instant now);
  // nullptr: all places are taken.
  Place* find_place(Instant now);
  void add(uint32_t worker, uint32_t slot, const turn::Traffic& from_client,
           const turn::Traffic& to_client);
  [[nodiscard]] Totals sum(uint32_t slot) const;

  const By by_;
  std::vector<std::unique_ptr<Book>> books_;  // Index: worker.

  mutable std::mutex mutex_;
  std::vector<Place> places_;                         // Guarded by mutex_.
  std::unordered_map<std::string, uint32_t> by_key_;  // Guarded by mutex_.
  Totals gone_;                                       // Guarded by mutex_: of former places.
};

}  // namespace turnpike::server
