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

#include "base/endpoint.h"
#include "turn/relay_ports.h"

namespace turnpike::turn {

struct RelayOwner {
  uint32_t worker = 0;
  RelayId relay;

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
  void clear(const Endpoint& external);

  // `peer` in its external or its local form.
  [[nodiscard]] std::optional<RelayOwner> find(const Endpoint& peer) const;
  // The external form of one of our relay addresses; nothing for any other address.
  [[nodiscard]] std::optional<Ip> external_form(const Ip& ip) const;

 private:
  using Ports = std::array<std::atomic<uint64_t>, 65536>;
  struct Address {
    Ip external;
    Ip local;
    Ports* ports = nullptr;
  };
  static constexpr size_t kMaxAddresses = 64;

  [[nodiscard]] const Address* address_of(const Ip& ip) const;
  const Address* add_address(const Ip& external, const Ip& local);

  // Entries below count_ never change: a reader that sees the count sees them whole.
  std::array<Address, kMaxAddresses> addresses_;
  std::atomic<size_t> count_{0};
  std::mutex adding_;
};

}  // namespace turnpike::turn
