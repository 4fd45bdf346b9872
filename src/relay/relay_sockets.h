// The relayed addresses of one worker, as real sockets.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "base/five_tuple.h"
#include "base/handle_index.h"
#include "base/random.h"
#include "base/slab.h"
#include "net/event_loop.h"
#include "net/gathering.h"
#include "net/socket.h"
#include "relay/port_picker.h"
#include "relay/relay_addresses.h"
#include "relay/reservations.h"
#include "turn/relay_ports.h"

namespace turnpike::relay {

// The tag of a relay socket is its id, so that an ICMP error says whose it is.
constexpr uint64_t tag_of(turn::RelayId id) {
  return static_cast<uint64_t>(id.generation) << 32 | id.index;
}
constexpr turn::RelayId relay_of(uint64_t tag) {
  return {.index = static_cast<uint32_t>(tag), .generation = static_cast<uint32_t>(tag >> 32)};
}

// Used on its worker's thread only. The loop, the random source and the reservations are borrowed
// for as long as it lives; it must outlive every lease that it gave.
class RelaySockets final : public turn::RelayPorts {
 public:
  struct Shared {
    net::EventLoop& loop;
    RandomSource& random;
    Reservations& reservations;
    // Not nullptr: datagrams from peers come to the sockets of these two slots, IPv4 and IPv6.
    const net::Gathering* gathering = nullptr;
    std::array<uint32_t, 2> slots{};
  };

  // `on_readable` is called when datagrams, ICMP errors or, at a TCP address, connections wait at a
  // relayed address.
  RelaySockets(const RelaySettings& settings, std::shared_ptr<const net::HostAddresses> host,
               const Shared& shared, std::function<void(turn::RelayId)> on_readable);

  Result<turn::OpenedPorts, turn::OpenError> open(const turn::OpenRequest& request) override;
  void park(turn::RelayLease lease, turn::ReservationToken token, Instant deadline) override;
  std::optional<turn::RelayLease> claim(turn::ReservationToken token, Instant now) override;

  // nullptr: closed since, or TCP. The pointer stays good until that relayed address is closed.
  [[nodiscard]] net::UdpSocket* find(turn::RelayId id);
  // How many relayed addresses so far the kernel did not take into its map.
  [[nodiscard]] uint64_t not_gathered() const { return not_gathered_; }
  // The relayed address to which a gathered datagram had been sent; not valid: none of ours, any
  // more.
  [[nodiscard]] turn::RelayId find_gathered(const Endpoint& local);
  // The same for what listens at a TCP address.
  struct Listener {
    net::Fd fd;
    Endpoint local;
  };
  [[nodiscard]] const Listener* find_listener(turn::RelayId id);
  // Connections may wait at that address until the end of the tick, since there is no descriptor
  // for them now.
  void pause_listener(turn::RelayId id);
  void on_tick();
  [[nodiscard]] size_t size() const { return entries_.size(); }

  // For relayed addresses to come.
  void use(const RelaySettings& settings);
  // After a change of the interfaces.
  void use(std::shared_ptr<const net::HostAddresses> host) { addresses_.use(std::move(host)); }
  void use(std::vector<ExternalIp> external_ips) { addresses_.use(std::move(external_ips)); }

 private:
  struct Entry {
    RelaySocket relay;  // Of a UDP address.
    Listener listener;  // Of a TCP address.
    net::Watch watch;   // Declared last: it must go before the socket.
  };
  struct Sockets {
    net::UdpSocket first;
    net::UdpSocket next;
  };
  struct AddressPorts {
    Ip ip;
    turn::RelayTransport transport;
    PortPicker picker;
  };
  // Why an address did not work out decides whether the next one is tried.
  enum class AddressError : uint8_t { no_family, refused, ports_in_use, no_descriptors };
  static turn::OpenError worse(turn::OpenError so_far, AddressError next);

  void close(turn::RelayId id) override;
  void gather(const Endpoint& local, turn::RelayId id);
  void stop_gathering(const Endpoint& local, turn::RelayId id);
  Result<Sockets, AddressError> bind_on(const Ip& ip, turn::PortNeed need);
  Result<net::UdpSocket, AddressError> make_socket(IpFamily family) const;
  Result<Listener, AddressError> listen_on(const Ip& ip);
  Result<turn::OpenedPorts, turn::OpenError> open_tcp(const turn::OpenRequest& request);
  PortPicker& picker_of(const Ip& ip, turn::RelayTransport transport);
  std::optional<turn::RelayLease> adopt(RelaySocket relay);
  std::optional<turn::RelayLease> adopt(Listener listener, const Ip& external);
  [[nodiscard]] net::Watch watch(int fd, turn::RelayId id);

  RelaySettings settings_;
  RelayAddresses addresses_;
  net::EventLoop& loop_;
  RandomSource& random_;
  Reservations& reservations_;
  const net::Gathering* gathering_;
  const std::array<uint32_t, 2> slots_;
  const EndpointHash hash_;
  HandleIndex gathered_;  // Of entries_, by their local address.
  uint64_t not_gathered_ = 0;
  const std::function<void(turn::RelayId)> on_readable_;
  std::vector<AddressPorts> pickers_;
  std::vector<Ip> candidates_;  // Kept for its memory.
  size_t turn_ = 0;
  Slab<Entry> entries_;
  std::vector<turn::RelayId> paused_;  // TCP addresses without a watch.
};

}  // namespace turnpike::relay
