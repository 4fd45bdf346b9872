// A small internet in virtual time: shards of one server, clients, peers, and links between them
// that delay, lose, reorder and repeat. One seed decides everything.
//
// After each event the invariants are checked; the first that fails stops the world.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "auth/quota.h"
#include "base/random.h"
#include "sim/invariants.h"
#include "sim/netem.h"
#include "sim/rate_book.h"
#include "sim/sim_client.h"
#include "support/fake_relay_ports.h"
#include "turn/server.h"

namespace turnpike::sim {

struct WorldOptions {
  uint64_t seed = 1;
  size_t shards = 2;
  size_t clients = 12;
  size_t peers = 6;
  LinkQuality link = {};
  Duration pause_max = seconds(3);  // Between two deeds of one user.
  turn::Settings settings = {};
  uint64_t capacity = 0;  // Of the server, in bytes per second each direction; 0: no limit.
};

class World {
 public:
  explicit World(const WorldOptions& options);
  ~World();

  // Lets time pass, or stops at the first violation.
  void run(Duration time);
  // All users go home; runs until the last thing must have ended, and checks that it has.
  void settle();

  // Empty: all is well.
  [[nodiscard]] const std::string& violation() const { return violation_; }
  // A number that differs when anything that went over a link was different.
  [[nodiscard]] uint64_t trace() const { return trace_; }
  struct Totals {
    uint64_t events = 0;
    uint64_t to_peers = 0;
    uint64_t to_clients = 0;
    uint64_t in_process = 0;
    uint64_t allocations = 0;
    uint64_t dropped_without_permission = 0;
    uint64_t moves = 0;
    uint64_t forwarded = 0;
    uint64_t held_late = 0;  // Forward notes for connections that had ended before.
    uint64_t over_session_rate = 0;
    uint64_t over_capacity = 0;
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Shard;
  struct Event {
    Instant at;
    uint64_t order;
    std::function<void()> happen;
    friend bool operator>(const Event& a, const Event& b) {
      return std::pair(a.at, a.order) > std::pair(b.at, b.order);
    }
  };
  using ClientPtr = std::shared_ptr<SimClient>;

  // Time.
  void at(Instant when, std::function<void()> happen);
  void after(Duration delay, std::function<void()> happen) { at(now_.mono + delay, happen); }
  void step(Instant until);
  void tick();

  // The network. `arrive` is called once for each copy that arrives.
  void carry(ByteView datagram, const std::function<void(ByteView)>& arrive);

  // The server. `call` is one call of the core; what it puts out is checked and carried out.
  void serve(size_t shard, const std::function<void(turn::Server&, turn::Outbox&)>& call);
  void deliver_to_client(Shard& shard, const turn::ToClient& message);
  void deliver_to_peer(Shard& shard, const turn::ToPeer& message);
  void deliver_to_shard(const turn::ToWorker& letter);
  // Mail about clients that moved: in order between any two shards.
  void mail(size_t from, size_t to, std::function<void()> happen);
  void mail_packet(size_t from, const turn::ToOwner& packet);
  void mail_route(size_t shard, const turn::Effect& effect);
  void lose_link(size_t shard, const turn::ClientRoute& route);
  void carry_out(size_t shard, const turn::Effect& effect);
  void answer_key(size_t shard, const turn::FetchKey& fetch);
  void to_server(const turn::ClientRoute& route, size_t shard, ByteView packet);
  void to_relay(const Endpoint& relayed, const Endpoint& source, ByteView payload);
  void publish_users();

  // Clients.
  ClientPtr start_client(size_t slot);
  void pump(const ClientPtr& client);
  void act(size_t slot);
  void act_allocated(const ClientPtr& client);
  void allocate(const ClientPtr& client);
  Endpoint pick_peer();
  void send_data(const ClientPtr& client);
  void move(const ClientPtr& client);
  void break_soon(size_t shard, const turn::ClientRoute& route);
  // Whether the client of that incarnation holds the relayed address.
  bool client_holds(uint32_t incarnation, const Endpoint& relayed);

  // Peers and strangers.
  void peer_acts();
  void stranger_acts();
  void operator_acts();

  // Invariants.
  void violate(const std::string& what);
  void check_balance(Shard& shard);
  void check_leases();
  void check_carried(const FiveTuple& client, const Ledger::Carried& carried);
  void check_rate_from_client(const Endpoint& relayed, size_t size);
  void check_rate_to_client(const FiveTuple& client, size_t size);

  WorldOptions options_;
  RandomSource random_;
  Now now_{Instant(seconds(1000)), WallTime(seconds(1'700'000'000))};
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  uint64_t next_order_ = 0;
  uint64_t happened_ = 0;
  uint64_t trace_ = 0;
  std::string violation_;
  bool open_ = true;  // Users act.

  testing::FakePortSpace space_;
  turn::RelayDirectory directory_;
  auth::QuotaLedger quota_;
  turn::CapacityPool capacity_from_clients_;
  turn::CapacityPool capacity_to_clients_;
  std::map<std::string, std::string> users_;
  std::vector<std::unique_ptr<Shard>> shards_;
  Ledger ledger_;
  RateBook all_from_clients_;
  RateBook all_to_clients_;
  std::map<Endpoint, RateBook> from_client_;  // By relayed address.
  std::map<FiveTuple, RateBook> to_client_;

  std::vector<ClientPtr> clients_;                     // By slot: the present incarnation.
  std::map<uint32_t, std::set<FiveTuple>> tuples_of_;  // By incarnation.
  std::map<std::pair<size_t, size_t>, Instant> mail_at_;
  std::map<FiveTuple, std::weak_ptr<SimClient>> at_;  // Who listens there now.
  std::set<FiveTuple> closed_;  // Whose connection has broken, and nobody has begun another.
  uint64_t held_late_ = 0;
  uint32_t next_incarnation_ = 1;
  std::vector<Endpoint> peers_;
  std::vector<Endpoint> known_relayed_;  // What clients have told each other.
  std::vector<uint64_t> tokens_;         // Reservations that were made.
};

}  // namespace turnpike::sim
