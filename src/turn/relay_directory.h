// Which worker holds which of our own relayed addresses: the one table that all workers share on
// the packet path. It is asked only for peers that are our own relay addresses.
//
// Written by the worker that opens or closes a relayed address, read by any, without locks. Relay
// addresses are added when they are first used and are never taken out.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "turn/relay_ports.h"

namespace turnpike::turn {

struct RelayOwner {
  uint32_t worker = 0;
  RelayId relay;
  RelayTransport transport = RelayTransport::udp;

  friend bool operator==(const RelayOwner&, const RelayOwner&) = default;
};

class RelayDirectory {
 public:
  // Workers fit in 8 bits, relay indices in 24 and generations are compared by their low 31.
  static constexpr uint32_t kMaxWorkers = 255;
  static constexpr uint32_t kMaxIndex = (1U << 24) - 1;

  RelayDirectory() = default;
  RelayDirectory(const RelayDirectory&) = delete;
  RelayDirectory& operator=(const RelayDirectory&) = delete;
  ~RelayDirectory();

  // `external` is what peers are told, `local` what the socket is bound to; they have one port.
  // False when there are too many relay addresses to keep: the allocation then works, but is not
  // reached in process.
  bool set(const Endpoint& external, const Ip& local, const RelayOwner& owner);
  void clear(const Endpoint& external) { clear(external, RelayTransport::udp); }
  void clear_tcp(const Endpoint& external) { clear(external, RelayTransport::tcp); }

  // `peer` in its external or its local form.
  [[nodiscard]] std::optional<RelayOwner> find(const Endpoint& peer) const {
    return find(peer, RelayTransport::udp);
  }
  [[nodiscard]] std::optional<RelayOwner> find_tcp(const Endpoint& peer) const {
    return find(peer, RelayTransport::tcp);
  }
  // How many ports of each relay address allocations hold. Any thread.
  struct Use {
    Ip external;
    RelayTransport transport = RelayTransport::udp;
    uint32_t ports = 0;
  };
  [[nodiscard]] std::vector<Use> use() const;
  // The external form of one of our relay addresses; nothing for any other address.
  [[nodiscard]] std::optional<Ip> external_form(const Ip& ip) const;
  // What the sockets of that relay address are bound to.
  [[nodiscard]] std::optional<Ip> local_form(const Ip& ip) const;

 private:
  struct Ports {
    std::array<std::atomic<uint64_t>, 65536> owners{};
    std::atomic<uint32_t> used{0};
  };
  struct Address {
    Ip external;
    Ip local;
    // By RelayTransport. The second is made when the first TCP address is set: few use both.
    std::array<std::atomic<Ports*>, 2> ports{};
  };
  static constexpr size_t kMaxAddresses = 64;

  void clear(const Endpoint& external, RelayTransport transport);
  [[nodiscard]] std::optional<RelayOwner> find(const Endpoint& peer,
                                               RelayTransport transport) const;
  [[nodiscard]] const Address* address_of(const Ip& ip) const;
  const Address* add_address(const Ip& external, const Ip& local);
  Ports& ports_of(const Address& address, RelayTransport transport);

  // Entries below count_ never change but for the tables of ports, which come and stay: a reader
  // that sees the count sees the rest whole.
  std::array<Address, kMaxAddresses> addresses_;
  std::atomic<size_t> count_{0};
  std::mutex adding_;
};

}  // namespace turnpike::turn
