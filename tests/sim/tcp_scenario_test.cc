// RFC 6062 in virtual time: shards of one server, clients over TCP, peers that answer, hesitate,
// refuse or call themselves, and links that end in the middle. A second, simpler book is kept from
// what went over the wire, and everything that the core does is held against it.
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "stun/attributes.h"
#include "support/core_driver.h"

namespace turnpike::sim {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;
using testing::Received;
using turn::ConnectionRef;
using PeerConnect = turn::Server::PeerConnect;

constexpr uint32_t kShards = 3;
constexpr size_t kSlots = 8;
constexpr size_t kCap = 5;

// What the world outside knows of one connection with a peer.
struct Stream {
  size_t slot = 0;
  uint32_t shard = 0;
  ConnectionRef ref;
  Endpoint peer;
  std::optional<uint32_t> id;
  bool bound = false;
};

class TcpWorld {
 public:
  explicit TcpWorld(uint64_t seed) : random_(seed) {
    space_.set_address(IpFamily::v4,
                       testing::FakeAddress{testing::ip("10.0.0.5"), testing::ip("192.0.2.1")});
    space_.set_address(IpFamily::v6, std::nullopt);
    space_.min_port = 50000;
    space_.max_port = 50000 + kSlots;
    for (uint32_t i = 0; i < kShards; ++i) {
      CoreDriver::Options options;
      options.settings.max_connections = kCap;
      options.settings.quota = {6, 7};
      options.peers.own_addresses = {testing::ip("192.0.2.1"), testing::ip("10.0.0.5")};
      options.seed = seed * 100 + i;
      options.worker = i;
      options.workers = kShards;
      options.space = &space_;
      options.directory = &directory_;
      options.quota = &quota_;
      shards_.push_back(std::make_unique<CoreDriver>(options));
    }
    for (size_t slot = 0; slot < kSlots; ++slot) start(slot);
  }

  void step() {
    const uint64_t mood = random_.below(100);
    const size_t slot = random_.below(kSlots);
    if (mood < 12) return pass_time();
    if (mood < 22) return allocate(slot);
    if (mood < 30) return permit(slot);
    if (mood < 48) return connect(slot);
    if (mood < 66) return peer_decides();
    if (mood < 76) return peer_calls(slot);
    if (mood < 90) return bind();
    if (mood < 94) return stream_ends();
    if (mood < 97) return hang_up(slot);
    return refresh(slot);
  }

  void check() {
    size_t allocations = 0;
    size_t connections = 0;
    size_t leases = 0;
    for (const auto& shard : shards_) {
      allocations += shard->server->allocations();
      connections += shard->server->connections();
      leases += shard->ports.open_leases();
      EXPECT_EQ(balance_of(*shard), testing::Balance());
    }
    ASSERT_EQ(allocations, quota_.total());
    ASSERT_EQ(allocations, leases);
    ASSERT_EQ(leases, space_.ports_taken());
    ASSERT_EQ(connections, streams_.size());
    ASSERT_EQ(unanswered_.size(), waiting());
  }

  // Everything has an end: an hour without anybody leaves nothing.
  void settle() {
    for (const auto& shard : shards_) {
      shard->advance(std::chrono::hours(1));
      shard->tick();
      take_effects(*shard);
      EXPECT_EQ(shard->server->allocations(), 0U);
      EXPECT_EQ(shard->server->connections(), 0U);
      EXPECT_EQ(shard->server->waiting(), 0U);
      EXPECT_EQ(shard->count(&turn::Counters::connections_opened),
                shard->count(&turn::Counters::connections_closed));
    }
    EXPECT_EQ(quota_.total(), 0U);
    EXPECT_EQ(space_.ports_taken(), 0U);
    EXPECT_TRUE(streams_.empty());
    EXPECT_TRUE(unanswered_.empty());
  }

  size_t bound = 0;
  size_t moved = 0;
  size_t between_relays = 0;

 private:
  struct Slot {
    std::unique_ptr<CoreClient> client;
    std::optional<Endpoint> relayed;
    std::set<Ip> permitted;  // Ever, by this incarnation; expiry is the core's own test's matter.
  };

  CoreDriver& shard_of(size_t slot) { return slots_[slot].client->driver; }
  uint32_t index_of(const CoreDriver& shard) const {
    uint32_t i = 0;
    while (shards_[i].get() != &shard) ++i;
    return i;
  }
  size_t waiting() const {
    size_t sum = 0;
    for (const auto& shard : shards_) sum += shard->server->waiting();
    return sum;
  }

  // The kernel gives each new connection to any worker.
  std::unique_ptr<CoreClient> new_link(const std::string& user) {
    const std::string port = std::to_string(1024 + ++links_ % 60000);
    auto client =
        std::make_unique<CoreClient>(*shards_[random_.below(kShards)], "8.8.8.8:" + port, user,
                                     user == "bob" ? "hunter2" : "secret",
                                     random_.below(2) == 0 ? Transport::tcp : Transport::tls);
    client->route.link = {links_, 1};
    return client;
  }
  void start(size_t slot) {
    slots_[slot].client = new_link(slot % 2 == 0 ? "alice" : "bob");
    slots_[slot].relayed.reset();
    slots_[slot].permitted.clear();
  }

  Endpoint some_peer() {
    const uint64_t mood = random_.below(10);
    if (mood == 0) return testing::endpoint("127.0.0.1:80");
    if (mood == 1) return testing::endpoint("10.0.0.5:22");
    if (mood < 5) {
      const Slot& other = slots_[random_.below(kSlots)];
      if (other.relayed) return *other.relayed;
    }
    return {Ip::v4(0x09090900 + static_cast<uint32_t>(random_.below(3))),
            static_cast<uint16_t>(7000 + random_.below(3))};
  }

  // What the worker would do with the core's wishes.
  void take_effects(CoreDriver& shard) {
    const uint32_t number = index_of(shard);
    for (const turn::ClosePeer& closed : shard.effects<turn::ClosePeer>()) {
      const size_t before = streams_.size();
      std::erase_if(streams_, [&](const Stream& s) {
        return s.shard == number && s.ref == closed.connection;
      });
      EXPECT_EQ(streams_.size() + 1, before) << "a connection is closed that nobody knows";
    }
    for (const Received& message : shard.to_client) {
      if (message.view().method() == Method::connect) note_answer(message);
    }
    for (const turn::AllocationClosed& closed : shard.effects<turn::AllocationClosed>()) {
      for (Slot& slot : slots_) {
        if (slot.client->route.tuple == closed.tuple) slot.relayed.reset();
      }
    }
  }
  // Each Connect gets one answer, whenever it comes.
  void note_answer(const Received& message) {
    EXPECT_EQ(unanswered_.erase(message.view().transaction_id()), 1U) << "answered twice";
  }

  std::optional<Received> ask(CoreClient& client, Method method,
                              const testing::AddAttributes& add) {
    if (client.credentials.nonce.empty()) client.learn_nonce();
    for (int tries = 0; tries < 2; ++tries) {
      const testing::Bytes packet = client.sealed(method, add);
      if (method == Method::connect) unanswered_.insert(testing::parsed(packet).transaction_id());
      const stun::TransactionId id = testing::parsed(packet).transaction_id();
      client.driver.client_packet(client.route, packet);
      // A Refresh may end connections on their way, whose answers come with its own.
      std::optional<Received> answer;
      for (const Received& message : client.driver.to_client) {
        if (message.view().transaction_id() == id) answer = message;
      }
      take_effects(client.driver);
      if (!answer || answer->error() != 438) return answer;
      client.learn_nonce();
    }
    return {};
  }

  void pass_time() {
    const auto step = milliseconds(random_.below(12000));
    for (const auto& shard : shards_) {
      shard->advance(step);
      shard->tick();
      take_effects(*shard);
    }
  }

  void allocate(size_t slot) {
    if (slots_[slot].relayed) return;
    const auto answer =
        ask(*slots_[slot].client, Method::allocate, [](auto& b) { b.add_requested_transport(6); });
    if (answer && answer->is(Class::success)) slots_[slot].relayed = answer->relayed().at(0);
  }
  void refresh(size_t slot) {
    const auto lifetime = random_.below(2) == 0 ? 0U : 900U;
    ask(*slots_[slot].client, Method::refresh,
        [&](auto& b) { b.add_u32(AttributeType::lifetime, lifetime); });
  }
  void permit(size_t slot) {
    const Endpoint peer = some_peer();
    const auto answer = ask(*slots_[slot].client, Method::create_permission, [&](auto& b) {
      b.add_xor_address(AttributeType::xor_peer_address, peer);
    });
    if (answer && answer->is(Class::success)) {
      slots_[slot].permitted.insert(peer.ip == testing::ip("10.0.0.5") ? testing::ip("192.0.2.1")
                                                                       : peer.ip);
    }
  }

  void connect(size_t slot) {
    CoreDriver& shard = shard_of(slot);
    const Endpoint peer = some_peer();
    const auto answer = ask(*slots_[slot].client, Method::connect, [&](auto& b) {
      b.add_xor_address(AttributeType::xor_peer_address, peer);
    });
    const auto wanted = shard.effects<turn::ConnectPeer>();
    EXPECT_LE(wanted.size(), 1U);
    EXPECT_NE(answer.has_value(), !wanted.empty());
    if (wanted.empty()) return;
    const Ip& target = wanted[0].target.ip;
    EXPECT_FALSE(target.is_loopback());
    if (target == testing::ip("10.0.0.5")) {
      ++between_relays;
      EXPECT_TRUE(directory_.find_tcp(wanted[0].target).has_value()) << "a service of this host";
    }
    streams_.push_back({slot, index_of(shard), wanted[0].connection, peer, {}, false});
  }

  void peer_decides() {
    for (Stream& stream : streams_) {
      if (stream.id) continue;
      CoreDriver& shard = *shards_[stream.shard];
      const bool reached = random_.below(3) != 0;
      shard.peer_connected(stream.ref, reached ? PeerConnect::connected : PeerConnect::failed);
      EXPECT_EQ(shard.to_client.size(), 1U);
      const auto id = shard.to_client.at(0).u32(AttributeType::connection_id);
      if (id) {
        EXPECT_EQ(*id % kShards, stream.shard);
      }
      stream.id = id;
      const ConnectionRef ref = stream.ref;
      const bool told_to_close = !shard.effects<turn::ClosePeer>().empty();
      const uint32_t number = stream.shard;
      // A failure leaves nothing, with or without a word to close it.
      if (!id && !told_to_close) {
        std::erase_if(streams_, [&](const Stream& s) { return s.ref == ref && s.shard == number; });
      }
      return take_effects(shard);
    }
  }

  void peer_calls(size_t slot) {
    if (!slots_[slot].relayed) return;
    CoreDriver& shard = shard_of(slot);
    const Endpoint peer = some_peer();
    const auto ref = shard.peer_accepted(*slots_[slot].relayed, peer);
    if (!ref) {
      EXPECT_TRUE(shard.to_client.empty());
      return;
    }
    const Received& attempt = shard.to_client.at(0);
    const Endpoint told = attempt.address(AttributeType::xor_peer_address).value();
    EXPECT_TRUE(slots_[slot].permitted.contains(told.ip)) << told.to_string();
    EXPECT_NE(told.ip, testing::ip("127.0.0.1"));
    streams_.push_back({slot, index_of(shard), *ref, told,
                        attempt.u32(AttributeType::connection_id).value(), false});
  }

  void bind() {
    if (streams_.empty()) return;
    Stream& stream = streams_[random_.below(streams_.size())];
    const Slot& owner = slots_[stream.slot];
    const bool right_user = random_.below(4) != 0;
    std::string user = owner.client->credentials.username;
    if (!right_user) user = user == "bob" ? "alice" : "bob";
    const auto link = new_link(user);
    const uint32_t id = stream.id.value_or(static_cast<uint32_t>(random_.next()));
    const bool may = right_user && stream.id && !stream.bound;
    auto answer = ask(*link, Method::connection_bind,
                      [&](auto& b) { b.add_u32(AttributeType::connection_id, id); });
    CoreDriver* where = &link->driver;
    if (!answer) {
      const auto moves = where->effects<turn::MoveLink>();
      ASSERT_EQ(moves.size(), 1U);
      EXPECT_EQ(moves[0].worker, id % kShards);
      ++moved;
      where = shards_[moves[0].worker].get();
      where->client_packet(link->route, moves[0].request);
      answer = where->to_client.at(0);
      take_effects(*where);
    }
    EXPECT_EQ(answer->is(Class::success), may) << answer->error();
    const auto bindings = where->effects<turn::BindLink>();
    EXPECT_EQ(bindings.size(), may ? 1U : 0U);
    if (bindings.empty()) return;
    EXPECT_EQ(bindings[0].connection, stream.ref);
    EXPECT_EQ(bindings[0].link, link->route.link);
    stream.bound = true;
    ++bound;
  }

  void stream_ends() {
    if (streams_.empty()) return;
    const size_t at = random_.below(streams_.size());
    if (!streams_[at].id) return;
    shards_[streams_[at].shard]->server->on_connection_closed(streams_[at].ref);
    streams_.erase(streams_.begin() + static_cast<ptrdiff_t>(at));
  }

  // The control connection ends, and with it all that it had.
  void hang_up(size_t slot) {
    CoreDriver& shard = shard_of(slot);
    shard.link_closed(slots_[slot].client->route);
    take_effects(shard);
    EXPECT_TRUE(std::none_of(streams_.begin(), streams_.end(),
                             [&](const Stream& stream) { return stream.slot == slot; }));
    start(slot);
  }

  RandomSource random_;
  testing::FakePortSpace space_;
  turn::RelayDirectory directory_;
  auth::QuotaLedger quota_;
  std::vector<std::unique_ptr<CoreDriver>> shards_;
  std::array<Slot, kSlots> slots_;
  std::vector<Stream> streams_;
  std::set<stun::TransactionId> unanswered_;
  uint32_t links_ = 0;
};

TEST(TcpScenario, KeepsEveryPromiseWhateverHappens) {
  size_t bound = 0;
  size_t moved = 0;
  size_t between_relays = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    TcpWorld world(seed);
    for (int step = 0; step < 2000; ++step) {
      world.step();
      world.check();
      if (::testing::Test::HasFailure()) FAIL() << "seed " << seed << ", step " << step;
    }
    world.settle();
    if (::testing::Test::HasFailure()) FAIL() << "seed " << seed << ", at the end";
    bound += world.bound;
    moved += world.moved;
    between_relays += world.between_relays;
  }
  // The test is about these; without them it would show nothing.
  EXPECT_GT(bound, 100U);
  EXPECT_GT(moved, 100U);
  EXPECT_GT(between_relays, 50U);
}

}  // namespace
}  // namespace turnpike::sim
