// RFC 8016 between workers: one has the client's link, another one its allocation.
#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "turn/mobility.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;
using testing::FakeAddress;
using testing::ip;
using testing::Received;

// Three workers with the mail between them.
class Workers : public ::testing::Test {
 protected:
  Workers() {
    space_.set_address(IpFamily::v4, FakeAddress{ip("192.0.2.1"), ip("192.0.2.1")});
    space_.set_address(IpFamily::v6, FakeAddress{ip("2001:db8::1"), ip("2001:db8::1")});
    for (uint32_t i = 0; i < 3; ++i) {
      CoreDriver::Options options;
      options.settings.mobility = true;
      options.seed = i + 1;
      options.worker = i;
      options.space = &space_;
      options.directory = &directory_;
      options.quota = &quota_;
      cores_.push_back(std::make_unique<CoreDriver>(options));
    }
    client(0, "8.8.8.8:40000");
    const auto answer = ask(home(), Method::allocate, [](auto& b) {
      b.add_requested_transport(17);
      b.add_empty(AttributeType::mobility_ticket);
    });
    ticket_ = ticket_of(*answer);
    relayed_ = answer->relayed().at(0);
    home().bind(0x4000, kPeer);
  }

  static Bytes ticket_of(const Received& answer) {
    const auto value = answer.view().find(AttributeType::mobility_ticket);
    return value ? Bytes(value->begin(), value->end()) : Bytes();
  }

  // The packet comes to its client's worker; then the mail is carried until there is none.
  void give(const CoreClient& client, const Bytes& packet) {
    arrived_.clear();
    client.driver.client_packet(client.route, packet);
    after_call(client.driver);
    carry();
  }
  std::optional<Received> ask(CoreClient& client, Method method,
                              const testing::AddAttributes& add) {
    give(client, client.sealed(method, add));
    return arrived_.empty() ? std::nullopt : std::optional(arrived_.front());
  }
  std::optional<Received> move(CoreClient& client, const Bytes& ticket) {
    return ask(client, Method::refresh,
               [&](auto& b) { b.add(AttributeType::mobility_ticket, ByteView(ticket)); });
  }
  // By whatever worker answers.
  void renew_nonce(CoreClient& client) {
    give(client, testing::make_request(Method::allocate));
    ASSERT_EQ(arrived_.size(), 1U);
    client.credentials.nonce = arrived_[0].text(AttributeType::nonce);
  }
  uint16_t refresh(CoreClient& client, uint32_t lifetime) {
    const auto answer = ask(client, Method::refresh,
                            [&](auto& b) { b.add_u32(AttributeType::lifetime, lifetime); });
    return answer ? answer->error() : uint16_t{999};
  }
  // Whether its data reaches the peer, from whatever worker.
  bool reaches_the_peer(const CoreClient& client) {
    reached_ = 0;
    give(client, Bytes{0x40, 0, 0, 4, 'd', 'a', 't', 'a'});
    return reached_ == 1;
  }
  std::optional<Endpoint> goes_to() {
    arrived_.clear();
    CoreDriver& holder = *cores_[0];
    holder.peer_packet(relayed_, endpoint(kPeer), as_bytes("hello"));
    after_call(holder);
    carry();
    return arrived_.empty() ? std::nullopt : std::optional(arrived_.front().client);
  }
  void lose(const CoreClient& client) {
    CoreDriver& core = client.driver;
    core.out.clear();
    lost_.push_back(client.route.tuple);
    core.server->on_link_closed(core.now, client.route, core.out);
    after_call(core);
    carry();
  }
  void kill(const std::string& user) {
    CoreDriver& core = *cores_[0];
    core.out.clear();
    core.server->kill(core.now, user, CloseReason::killed, core.out);
    after_call(core);
    carry();
  }

  // Takes what the latest call of a core put out.
  void after_call(CoreDriver& core) {
    const uint32_t here = number_of(core);
    reached_ += core.out.to_peer.size();
    for (const Effect& effect : core.out.effects) post(effect, here);
    for (const ToOwner& packet : core.out.to_owner) {
      ClientRoute from = packet.from;
      from.link.worker = here;
      const Bytes bytes(packet.packet.begin(), packet.packet.end());
      mail_.emplace_back([this, to = packet.worker, from, bytes] {
        cores_[to]->client_packet(from, bytes);
        after_call(*cores_[to]);
      });
    }
    for (const ToClient& packet : core.out.to_client) {
      Received copy;
      copy.bytes.assign(packet.head.begin(), packet.head.end());
      copy.bytes.insert(copy.bytes.end(), packet.body.begin(), packet.body.end());
      copy.client = packet.client;
      arrived_.push_back(std::move(copy));
      crossed_ += packet.link.is_elsewhere() ? 1 : 0;
    }
    core.out.clear();
  }
  void post(const Effect& effect, uint32_t here) {
    if (const auto* held = std::get_if<RouteHeld>(&effect)) {
      ++notes_sent_;
      mail_.emplace_back([this, note = *held] {
        CoreDriver& to = *cores_[note.route.link.worker];
        const bool is_lost = std::count(lost_.begin(), lost_.end(), note.route.tuple) != 0;
        const LinkState link = is_lost ? LinkState::closed : LinkState::open;
        to.server->on_route_held(to.now, note.owner, at_home(note.route), note.deadline, link,
                                 to.out);
        after_call(to);
      });
    } else if (const auto* released = std::get_if<RouteReleased>(&effect)) {
      mail_.emplace_back([this, note = *released] {
        CoreDriver& to = *cores_[note.route.link.worker];
        to.server->on_route_released(to.now, note.owner, at_home(note.route));
      });
    } else if (const auto* lost = std::get_if<RouteLost>(&effect)) {
      mail_.emplace_back([this, note = *lost, here] {
        CoreDriver& to = *cores_[note.owner];
        ClientRoute route = note.route;
        route.link.worker = here;
        to.server->on_link_closed(to.now, route, to.out);
        after_call(to);
      });
    }
  }
  static ClientRoute at_home(ClientRoute route) {
    route.link.worker = LinkId::kHere;
    return route;
  }
  void carry() {
    while (!mail_.empty()) {
      const auto letter = std::move(mail_.front());
      mail_.pop_front();
      letter();
    }
  }
  uint32_t number_of(const CoreDriver& core) {
    for (uint32_t i = 0; i < cores_.size(); ++i) {
      if (cores_[i].get() == &core) return i;
    }
    return 99;
  }
  void advance(seconds time) {
    for (const auto& core : cores_) core->advance(time);
  }
  void run(seconds time) {
    for (seconds i{0}; i < time; ++i) {
      for (const auto& core : cores_) {
        core->advance(seconds(1));
        core->tick();
        after_call(*core);
      }
      carry();
    }
  }
  size_t allocations() const {
    size_t sum = 0;
    for (const auto& core : cores_) sum += core->server->allocations();
    return sum;
  }
  size_t notes() const {
    size_t sum = 0;
    for (const auto& core : cores_) sum += core->server->forward_notes();
    return sum;
  }
  void expect_balance() {
    EXPECT_EQ(quota_.total(), allocations());
    for (const auto& core : cores_) EXPECT_EQ(balance_of(*core), testing::Balance());
  }

  testing::FakePortSpace space_;
  RelayDirectory directory_;
  auth::QuotaLedger quota_;
  std::vector<std::unique_ptr<CoreDriver>> cores_;
  std::deque<std::function<void()>> mail_;
  std::vector<FiveTuple> lost_;  // Of links that have closed.
  std::vector<Received> arrived_;
  size_t reached_ = 0;
  size_t crossed_ = 0;
  size_t notes_sent_ = 0;
  Bytes ticket_;  // Of the first client's allocation.

  CoreClient& client(uint32_t worker, std::string_view address, const std::string& user = "alice",
                     const std::string& password = "secret", Transport transport = Transport::udp) {
    clients_.push_back(
        std::make_unique<CoreClient>(*cores_[worker], address, user, password, transport));
    return *clients_.back();
  }
  CoreClient& home() { return *clients_.front(); }

  std::vector<std::unique_ptr<CoreClient>> clients_;
  Endpoint relayed_;
};

TEST_F(Workers, AClientMovesToAnotherWorkersLink) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  const auto answer = move(cafe, ticket_);
  ASSERT_TRUE(answer);
  ASSERT_TRUE(answer->is(Class::success));
  EXPECT_EQ(answer->client, cafe.route.tuple.client);
  EXPECT_NE(ticket_of(*answer), ticket_);
  EXPECT_EQ(goes_to(), home().route.tuple.client);
  EXPECT_TRUE(reaches_the_peer(cafe));
  EXPECT_EQ(goes_to(), cafe.route.tuple.client);
  EXPECT_EQ(refresh(cafe, 600), 0);
  EXPECT_EQ(refresh(home(), 600), 437);
  EXPECT_EQ(allocations(), 1U);
  EXPECT_EQ(notes(), 1U);
  expect_balance();
}

TEST_F(Workers, TheWorkerOfTheLinkKnowsThatItsClientHasAnAllocation) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  cafe.learn_nonce();
  const Bytes request = cafe.sealed(
      Method::refresh, [&](auto& b) { b.add(AttributeType::mobility_ticket, ByteView(ticket_)); });
  give(cafe, request);
  EXPECT_TRUE(cores_[1]->server->has_allocation(cores_[1]->now, cafe.route));
}

TEST_F(Workers, EveryKindOfRequestIsPassedOn) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  EXPECT_EQ(ask(cafe, Method::create_permission,
                [](auto& b) {
                  b.add_xor_address(AttributeType::xor_peer_address, endpoint("9.9.9.10:0"));
                })
                ->error(),
            0);
  EXPECT_EQ(ask(cafe, Method::channel_bind,
                [](auto& b) {
                  b.add_channel_number(0x4001);
                  b.add_xor_address(AttributeType::xor_peer_address, endpoint("9.9.9.10:1"));
                })
                ->error(),
            0);
  EXPECT_EQ(ask(cafe, Method::allocate, [](auto& b) { b.add_requested_transport(17); })->error(),
            437);
  EXPECT_EQ(refresh(cafe, 0), 0);
  EXPECT_EQ(allocations(), 0U);
  EXPECT_EQ(notes(), 0U);
  expect_balance();
}

TEST_F(Workers, ASendIndicationIsPassedOnAndConfirms) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  reached_ = 0;
  give(cafe, testing::make_message(
                 Method::send, Class::indication, testing::transaction(77), [](auto& b) {
                   b.add_xor_address(AttributeType::xor_peer_address, endpoint(kPeer));
                   b.add(AttributeType::data, std::string_view("data"));
                 }));
  EXPECT_EQ(reached_, 1U);
  EXPECT_EQ(goes_to(), cafe.route.tuple.client);
}

TEST_F(Workers, AClientMovesOnAndBack) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  CoreClient& train = client(2, "8.8.4.5:50000");
  CoreClient& home_again = client(0, "8.8.8.8:40001");
  Bytes ticket = ticket_of(*move(cafe, ticket_));
  EXPECT_TRUE(reaches_the_peer(cafe));
  ticket = ticket_of(*move(train, ticket));
  EXPECT_TRUE(reaches_the_peer(train));
  EXPECT_EQ(notes(), 1U);
  EXPECT_EQ(refresh(cafe, 600), 437);
  move(home_again, ticket);
  EXPECT_TRUE(reaches_the_peer(home_again));
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(goes_to(), home_again.route.tuple.client);
  EXPECT_EQ(allocations(), 1U);
  expect_balance();
}

TEST_F(Workers, AMoveThatIsNotConfirmedLeavesNoNoteWhenTheClientMovesOn) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  CoreClient& train = client(2, "8.8.4.5:50000");
  const Bytes ticket = ticket_of(*move(cafe, ticket_));
  ASSERT_TRUE(move(train, ticket)->is(Class::success));
  EXPECT_EQ(notes(), 1U);
  EXPECT_EQ(refresh(cafe, 600), 437);
}

TEST_F(Workers, TheEndOfALinkElsewhereIsToldToTheHolder) {
  CoreClient& train = client(1, "8.8.4.5:50000", "alice", "secret", Transport::tcp);
  const Bytes next = ticket_of(*move(train, ticket_));
  EXPECT_TRUE(reaches_the_peer(train));
  lose(train);
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(goes_to(), std::nullopt);
  EXPECT_EQ(allocations(), 1U);
  CoreClient& cafe = client(2, "8.8.4.4:50000");
  ASSERT_TRUE(move(cafe, next)->is(Class::success));
  EXPECT_EQ(goes_to(), cafe.route.tuple.client);
  expect_balance();
}

TEST_F(Workers, TheEndOfTheNewLinkTakesTheMoveBack) {
  CoreClient& train = client(1, "8.8.4.5:50000", "alice", "secret", Transport::tcp);
  move(train, ticket_);
  lose(train);
  EXPECT_EQ(goes_to(), home().route.tuple.client);
  EXPECT_TRUE(reaches_the_peer(home()));
}

TEST_F(Workers, TheEndOfTheAllocationTakesTheNoteAway) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  kill("alice");
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(refresh(cafe, 600), 437);
  EXPECT_EQ(quota_.total(), 0U);
}

TEST_F(Workers, AnAllocationThatExpiresTakesTheNoteAway) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  run(seconds(602));
  EXPECT_EQ(allocations(), 0U);
  EXPECT_EQ(notes(), 0U);
}

TEST_F(Workers, ANoteLivesAsLongAsTheAllocationThatIsRefreshed) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  advance(seconds(500));
  renew_nonce(cafe);
  ASSERT_EQ(refresh(cafe, 600), 0);
  advance(seconds(500));
  renew_nonce(cafe);
  EXPECT_EQ(refresh(cafe, 600), 0);
}

TEST_F(Workers, ANoteLivesAsLongAsTheAllocationThatIsRefreshedOverAnotherLink) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  advance(seconds(500));
  renew_nonce(home());
  ASSERT_EQ(refresh(home(), 600), 0);
  advance(seconds(200));
  renew_nonce(cafe);
  EXPECT_EQ(refresh(cafe, 600), 0);
  EXPECT_EQ(allocations(), 1U);
}

TEST_F(Workers, ANoteThatComesLaterThanTheEndOfItsLinkIsReturned) {
  CoreClient& train = client(1, "8.8.4.5:50000", "alice", "secret", Transport::tcp);
  train.route.link.index = 77;
  train.learn_nonce();
  // Its connection ends while the letters are under way.
  train.driver.client_packet(train.route, train.sealed(Method::refresh, [&](auto& b) {
    b.add(AttributeType::mobility_ticket, ByteView(ticket_));
  }));
  after_call(train.driver);
  lose(train);
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(goes_to(), home().route.tuple.client);
  EXPECT_TRUE(reaches_the_peer(home()));
  expect_balance();
}

TEST_F(Workers, AFiveTupleWithAnAllocationOfItsOwnTakesNoOther) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  ask(cafe, Method::allocate, [](auto& b) { b.add_requested_transport(17); });
  EXPECT_EQ(move(cafe, ticket_)->error(), 437);
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(allocations(), 2U);
}

TEST_F(Workers, AFiveTupleThatMovedInTakesNoOther) {
  CoreClient& other = client(2, "8.8.8.9:1");
  const Bytes second = ticket_of(*ask(other, Method::allocate, [](auto& b) {
    b.add_requested_transport(17);
    b.add_empty(AttributeType::mobility_ticket);
  }));
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  ASSERT_TRUE(move(cafe, ticket_)->is(Class::success));
  EXPECT_EQ(move(cafe, second)->error(), 437);
  EXPECT_EQ(refresh(other, 600), 0);
}

TEST_F(Workers, ANoteOfAnEarlierLinkDoesNotKeepThePresentOnesAllocation) {
  CoreClient& cafe = client(1, "8.8.4.4:50000", "alice", "secret", Transport::tcp);
  cafe.route.link = {3, 1};
  cafe.learn_nonce();
  ASSERT_TRUE(move(cafe, ticket_)->is(Class::success));
  EXPECT_EQ(notes(), 1U);
  // Another connection from there, before the end of the first was noticed.
  CoreClient& next = client(1, "8.8.4.4:50000", "alice", "secret", Transport::tcp);
  next.route.link = {3, 2};
  EXPECT_FALSE(next.driver.server->has_allocation(next.driver.now, next.route));
  next.learn_nonce();
  ASSERT_TRUE(ask(next, Method::allocate, [](auto& b) {
                b.add_requested_transport(17);
              })->is(Class::success));
  EXPECT_EQ(allocations(), 2U);
  lose(next);
  EXPECT_EQ(allocations(), 1U);
  lose(cafe);
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(allocations(), 1U) << "it has its first place still";
  EXPECT_EQ(refresh(home(), 600), 0);
  expect_balance();
}

TEST_F(Workers, AConnectionThatCarriesAMovedAllocationBindsNothing) {
  CoreClient& cafe = client(1, "8.8.4.4:50000", "alice", "secret", Transport::tcp);
  cafe.route.link = {3, 1};
  cafe.learn_nonce();
  ASSERT_TRUE(move(cafe, ticket_)->is(Class::success));
  EXPECT_EQ(ask(cafe, Method::connection_bind,
                [](auto& b) { b.add_u32(AttributeType::connection_id, 1); })
                ->error(),
            400);
  EXPECT_TRUE(cafe.driver.effects<MoveLink>().empty());
}

TEST_F(Workers, WhoeverAllocatesBeforeTheNoteArrivesKeepsThat) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  cafe.learn_nonce();
  const Bytes moving = cafe.sealed(
      Method::refresh, [&](auto& b) { b.add(AttributeType::mobility_ticket, ByteView(ticket_)); });
  const Bytes allocating =
      cafe.sealed(Method::allocate, [](auto& b) { b.add_requested_transport(17); });
  cafe.driver.client_packet(cafe.route, moving);
  after_call(cafe.driver);
  cafe.driver.client_packet(cafe.route, allocating);
  after_call(cafe.driver);
  carry();
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(allocations(), 2U);
  EXPECT_EQ(goes_to(), home().route.tuple.client);
  EXPECT_EQ(refresh(cafe, 600), 0);
  EXPECT_EQ(refresh(home(), 600), 0);
  expect_balance();
}

TEST_F(Workers, AStrangerWithATicketLeavesNoNote) {
  CoreClient& thief = client(1, "8.8.4.4:50000", "alice", "guessed");
  EXPECT_EQ(move(thief, ticket_)->error(), 401);
  EXPECT_FALSE(reaches_the_peer(thief));
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(notes_sent_, 0U);
  EXPECT_EQ(goes_to(), home().route.tuple.client);
  expect_balance();
}

TEST_F(Workers, ATicketWithoutCredentialsIsAnsweredWhereItCame) {
  CoreClient& thief = client(1, "8.8.4.4:50000");
  give(thief, testing::make_request(Method::refresh, [&](auto& b) {
         b.add(AttributeType::mobility_ticket, ByteView(ticket_));
       }));
  ASSERT_EQ(arrived_.size(), 1U);
  EXPECT_EQ(arrived_[0].error(), 401);
  EXPECT_EQ(cores_[1]->count(&Counters::forwarded_to_owner), 0U);
}

TEST_F(Workers, AnotherUsersTicketIsRefused) {
  CoreClient& bob = client(1, "8.8.4.4:50000", "bob", "hunter2");
  EXPECT_EQ(move(bob, ticket_)->error(), 441);
  EXPECT_EQ(notes(), 0U);
  EXPECT_EQ(goes_to(), home().route.tuple.client);
}

TEST_F(Workers, AnOldTicketIsWorthNothing) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  CoreClient& train = client(2, "8.8.4.5:50000");
  move(cafe, ticket_);
  EXPECT_EQ(move(train, ticket_)->error(), 400);
  EXPECT_EQ(notes(), 1U);
}

TEST_F(Workers, AMoveWhoseAnswerWasLostIsAnsweredAgain) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  EXPECT_TRUE(move(cafe, ticket_)->is(Class::success));
  EXPECT_EQ(allocations(), 1U);
}

// The outbox is read when the call is over, and the question waited in a place of the core's own.
TEST_F(Workers, AQuestionThatWaitedForTheStoreIsPassedOnWhole) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  CoreDriver& core = *cores_[1];
  core.hold_keys = true;
  const Bytes question =
      cafe.sealed(Method::refresh, [](auto& b) { b.add_u32(AttributeType::lifetime, 600); });
  core.client_packet(cafe.route, question);
  const auto asked = core.effects<FetchKey>();
  ASSERT_EQ(asked.size(), 1U);
  core.server->on_route_held(core.now, 0, cafe.route, core.now.mono + seconds(600), LinkState::open,
                             core.out);
  core.answer_key(asked[0]);
  ASSERT_EQ(core.out.to_owner.size(), 1U);
  EXPECT_TRUE(std::ranges::equal(core.out.to_owner[0].packet, question));
}

TEST_F(Workers, BindingIsAnsweredWhereItCame) {
  CoreClient& cafe = client(1, "8.8.4.4:50000");
  move(cafe, ticket_);
  const uint64_t before = cores_[1]->count(&Counters::forwarded_to_owner);
  give(cafe, testing::make_request(Method::binding));
  ASSERT_EQ(arrived_.size(), 1U);
  EXPECT_TRUE(arrived_[0].is(Class::success));
  EXPECT_EQ(cores_[1]->count(&Counters::forwarded_to_owner), before);
}

}  // namespace
}  // namespace turnpike::turn
