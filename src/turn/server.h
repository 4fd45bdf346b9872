// The server's state machine for one worker: bytes and time in, bytes and effects out.
//
// No socket, clock, thread or log in here. No entry point blocks or throws; each writes what must
// happen into the outbox it is given, which the caller carries out and clears.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "auth/user_store.h"
#include "base/slab.h"
#include "turn/core.h"

namespace turnpike::turn {

// An ICMP error about a datagram that a relay sent (RFC 8656 section 11.5).
struct IcmpError {
  uint8_t type = 0;
  uint8_t code = 0;
  uint32_t mtu = 0;  // Where the error says what would have fit.
};

class Server {
 public:
  Server(std::shared_ptr<const Settings> settings, const Services& services,
         const auth::NonceKey& nonce_key, Instant start);

  // One datagram, or one frame of a stream, from a client.
  void on_client_packet(const Now& now, const ClientRoute& from, ByteView packet,
                        Outbox& out) noexcept;
  // One datagram that reached a relayed address from the network.
  void on_peer_packet(const Now& now, RelayId relay, const Endpoint& peer, ByteView payload,
                      Outbox& out) noexcept;
  // One that another worker's allocation sent to a relayed address of ours.
  void on_handed_over(const Now& now, RelayId relay, const Endpoint& source, ByteView payload,
                      Outbox& out) noexcept;
  void on_peer_error(const Now& now, RelayId relay, const Endpoint& peer, const IcmpError& error,
                     Outbox& out) noexcept;
  // The connection is gone, and with it the allocation made over it and what it still asked for.
  void on_link_closed(const Now& now, const ClientRoute& route, Outbox& out) noexcept;
  // The link carries something else from now on: requests of it that still wait are void.
  void on_link_released(LinkId link) noexcept;
  // The outcome of ConnectPeer. After a failure, and when the connection is stale, nothing is left.
  enum class PeerConnect : uint8_t { connected, failed };
  void on_peer_connected(const Now& now, ConnectionRef connection, PeerConnect outcome,
                         Outbox& out) noexcept;
  // A peer has connected to a relayed address. Nothing: it is to be closed at once. `has_ended` is
  // asked where there is no place for it: whether the peer of that connection has nothing more to
  // say, and has said nothing.
  using HasEnded = std::function<bool(ConnectionRef)>;
  std::optional<ConnectionRef> on_peer_accepted(const Now& now, RelayId relay, const Endpoint& peer,
                                                const HasEnded& has_ended, Outbox& out) noexcept;
  // The connection with the peer, or the client's bound to it, is gone.
  void on_connection_closed(ConnectionRef connection) noexcept;
  // How much of `wanted` a bound connection may read now; 0 when it has to wait, or is stale.
  [[nodiscard]] size_t may_relay(const Now& now, ConnectionRef connection,
                                 StreamDirection direction, size_t wanted) noexcept;
  // `read` bytes came, of which `payload` are the peers' and clients' own.
  void on_relayed(const Now& now, ConnectionRef connection, StreamDirection direction, size_t read,
                  size_t payload) noexcept;
  // Letters of other workers about clients that have moved: see effects.h. RouteLost arrives as
  // on_link_closed(), and packets that others pass on as on_client_packet(); the link of their
  // route says whose it is.
  void on_route_held(const Now& now, uint32_t owner, const ClientRoute& route, Instant deadline,
                     LinkState link, Outbox& out) noexcept;
  void on_route_released(const Now& now, uint32_t owner, const ClientRoute& route) noexcept;
  // The answer to FetchKey.
  void on_key(const Now& now, KeyTicket ticket, auth::KeyCache::Answer answer,
              Outbox& out) noexcept;
  // Once a second.
  void on_tick(const Now& now, Outbox& out) noexcept;

  // Both void what was cached of users. Rates count for the sessions that run as well.
  void use_settings(std::shared_ptr<const Settings> settings, Instant now, Outbox& out) noexcept;
  void use_store_state(std::shared_ptr<const auth::StoreState> state, Instant now);
  // Where Allocate requests are sent from now on; nullptr or empty: nowhere.
  void use_alternates(std::shared_ptr<const std::vector<AlternateServer>> alternates,
                      std::vector<Endpoint> own = {}) {
    core_.alternates = std::move(alternates);
    core_.own_alternates = std::move(own);
  }
  void set_admission(Admission admission) { core_.admission = admission; }

  // Ends the allocations of `user` (all, when it is empty); how many there were.
  size_t kill(const Now& now, std::string_view user, CloseReason reason, Outbox& out);

  // Ends the allocations for which `chosen(allocation)` is true; how many there were.
  template <typename Chosen>
  size_t kill_if(const Now& now, Chosen&& chosen, CloseReason reason, Outbox& out) {
    std::vector<Allocation*> doomed;
    core_.allocations.for_each([&](Allocation& allocation) {
      if (chosen(allocation)) doomed.push_back(&allocation);
    });
    for (Allocation* allocation : doomed) {
      close_allocation(*allocation, reason, now.mono, core_, out);
    }
    return doomed.size();
  }

  [[nodiscard]] const Counters& counters() const { return core_.counters; }
  [[nodiscard]] const Settings& settings() const { return *core_.settings; }
  [[nodiscard]] size_t allocations() const { return core_.allocations.size(); }
  // Here, or at another worker.
  [[nodiscard]] bool has_allocation(const Now& now, const ClientRoute& route) {
    return core_.has_allocation(now.mono, route);
  }
  // Requests that wait: for the user store, or for a peer to be reached.
  [[nodiscard]] size_t waiting() const { return parked_.size() + core_.connecting; }
  [[nodiscard]] size_t connections() const { return core_.connections.size(); }
  [[nodiscard]] size_t forward_notes() const { return core_.notes.size(); }
  template <typename Visit>
  void for_each_allocation(Visit&& visit) {
    core_.allocations.for_each(visit);
  }

 private:
  // Whether a request that needs a key may wait for it, or has waited already.
  enum class Patience : uint8_t { may_wait, has_waited };
  struct Wait {
    Patience patience = Patience::may_wait;
    Duration lasted{};
  };
  struct Parked {
    ClientRoute from;
    std::vector<uint8_t> packet;
    std::string cache_key;
    Instant since;
  };

  void receive(const Now& now, const ClientRoute& from, ByteView packet, const Wait& wait,
               Outbox& out);
  void receive_stun(const Now& now, const ClientRoute& from, ByteView packet, const Wait& wait,
                    Outbox& out);
  void on_request(const Request& request, Patience patience);
  void on_credentialed(const Request& request, Patience patience);
  void park(const Request& request, auth::NeedsKey needed, Patience patience);
  void update_policy();

  Core core_;
  Slab<Parked, 32> parked_;
  uint32_t ticks_since_sweep_ = 0;
};

}  // namespace turnpike::turn
