#include "turn/server.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Balance;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

TEST(Server, NeverAnswersWhatIsNotARequest) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  for (const Class message_class : {Class::indication, Class::success, Class::error}) {
    for (uint16_t method = 0; method < 0x20; ++method) {
      if (message_class == Class::indication && method == static_cast<uint16_t>(Method::send)) {
        continue;
      }
      EXPECT_FALSE(client.exchange(testing::make_message(static_cast<Method>(method), message_class,
                                                         testing::transaction(method))));
    }
  }
  EXPECT_EQ(core.count(&Counters::drop_not_for_servers), 3U * 0x20 - 1);
}

TEST(Server, DropsRequestsOfMethodsThatItDoesNotServe) {
  CoreDriver core;
  CoreClient client(core, kHome);
  for (const int method : {0x000, 0x002, 0x005, 0x006, 0x007, 0x00c, 0x00d, 0x0fe, 0x0ff}) {
    EXPECT_FALSE(client.exchange(testing::make_request(static_cast<Method>(method)))) << method;
  }
  EXPECT_EQ(core.count(&Counters::drop_unknown_method), 9U);
}

TEST(Server, DropsWhatIsNoMessage) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const Bytes binding = testing::make_request(Method::binding);
  std::vector<Bytes> junk = {{},
                             {0},
                             {0, 1, 0},
                             {0x16, 0xfe, 0xfd, 0},
                             {0x80, 0, 0, 0},
                             {0xff, 0xff, 0xff, 0xff},
                             {'P', 'O', 'S', 'T', ' ', '/'}};
  for (size_t size = 1; size < binding.size(); ++size) {
    junk.emplace_back(binding.begin(), binding.begin() + static_cast<ptrdiff_t>(size));
  }
  Bytes longer = binding;
  longer.push_back(0);
  junk.push_back(longer);
  Bytes odd = binding;
  odd[3] = 2;
  junk.push_back(odd);
  for (const Bytes& packet : junk) EXPECT_FALSE(client.exchange(packet));
  EXPECT_EQ(core.count(&Counters::drop_malformed), junk.size());
}

TEST(Server, DropsAMessageWithAWrongFingerprint) {
  CoreDriver core;
  CoreClient client(core, kHome);
  Bytes request = testing::make_request(Method::binding, [](auto& b) { b.add_fingerprint(); });
  EXPECT_TRUE(client.exchange(request));
  request.back() ^= 1;
  EXPECT_FALSE(client.exchange(request));
}

TEST(Server, ServesOnlyBindingByOption) {
  CoreDriver core;
  core.settings.serve_turn = false;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  EXPECT_FALSE(client.exchange(testing::make_request(Method::allocate)));
  EXPECT_TRUE(client.exchange(testing::make_request(Method::binding)));
}

// ICMP errors (RFC 8656 section 11.5).

class IcmpTest : public ::testing::Test {
 protected:
  IcmpTest() {
    client_.allocate([](auto& b) {
      b.add_family(AttributeType::additional_address_family, stun::AddressFamily::ipv6);
    });
    client_.permit({"9.9.9.9:1000", "[2607:f8b0::1]:1000"});
  }
  std::optional<stun::IcmpValue> told(std::string_view peer, const IcmpError& error) {
    core_.peer_error(client_.relayed(), endpoint(peer), error);
    if (core_.to_client.empty()) return {};
    EXPECT_EQ(core_.to_client[0].view().method(), Method::data);
    EXPECT_FALSE(core_.to_client[0].view().has(AttributeType::data));
    EXPECT_EQ(core_.to_client[0].address(AttributeType::xor_peer_address), endpoint(peer));
    return stun::decode_icmp(*core_.to_client[0].view().find(AttributeType::icmp));
  }
  CoreDriver core_;
  CoreClient client_{core_, kHome};
};

TEST_F(IcmpTest, TellsTypesThatTheRfcNames) {
  for (int type = 0; type < 20; ++type) {
    const auto number = static_cast<uint8_t>(type);
    EXPECT_EQ(told("9.9.9.9:1000", {number, 1, 0}).has_value(), type == 3 || type == 11) << type;
    EXPECT_EQ(told("[2607:f8b0::1]:1000", {number, 0, 0}).has_value(), type >= 1 && type <= 3)
        << type;
  }
  EXPECT_EQ(core_.count(&Counters::icmp_to_client), 5U);
  EXPECT_EQ(core_.count(&Counters::drop_icmp), 35U);
}

TEST_F(IcmpTest, TellsTypeAndCode) {
  const auto value = told("9.9.9.9:1000", {3, 3, 1400});
  ASSERT_TRUE(value);
  EXPECT_EQ(value->type, 3);
  EXPECT_EQ(value->code, 3);
  EXPECT_EQ(value->error_data, 0U);
}

TEST_F(IcmpTest, TellsTheMtuWhereTheErrorIsAboutSize) {
  EXPECT_EQ(told("9.9.9.9:1000", {3, 4, 1400})->error_data, 1400U);
  EXPECT_EQ(told("[2607:f8b0::1]:1000", {2, 0, 1280})->error_data, 1280U);
  EXPECT_EQ(told("[2607:f8b0::1]:1000", {3, 0, 1280})->error_data, 0U);
}

TEST_F(IcmpTest, TellsOfAnyPortOfAPermittedAddress) {
  EXPECT_TRUE(told("9.9.9.9:0", {3, 3, 0}));
  EXPECT_TRUE(told("9.9.9.9:7", {3, 3, 0}));
}

TEST_F(IcmpTest, TellsNothingAboutPeersWithoutPermission) {
  EXPECT_FALSE(told("9.9.9.10:1000", {3, 3, 0}));
  core_.advance(seconds(300));
  EXPECT_FALSE(told("9.9.9.9:1000", {3, 3, 0}));
}

TEST_F(IcmpTest, TellsNothingForAnAllocationThatHasExpired) {
  core_.advance(seconds(599));
  client_.permit({"9.9.9.9:1000"});
  core_.advance(seconds(1));
  EXPECT_FALSE(told("9.9.9.9:1000", {3, 3, 0}));
}

TEST_F(IcmpTest, TellsNothingForAnAllocationThatIsGone) {
  const RelayId relay = *core_.ports.find(client_.relayed());
  client_.refresh(0);
  core_.out.clear();
  core_.server->on_peer_error(core_.now, relay, endpoint("9.9.9.9:1000"), {3, 3, 0}, core_.out);
  EXPECT_TRUE(core_.out.empty());
}

// Requests that wait for the user store.

class ParkedTest : public ::testing::Test {
 protected:
  ParkedTest() { core_.hold_keys = true; }

  static testing::AddAttributes udp() {
    return [](stun::MessageBuilder& b) { b.add_requested_transport(17); };
  }
  // Sends an Allocate that waits.
  FetchKey ask(CoreClient& client) {
    EXPECT_FALSE(client.exchange(client.sealed(Method::allocate, udp())));
    const auto fetches = core_.effects<FetchKey>();
    EXPECT_EQ(fetches.size(), 1U);
    return fetches.at(0);
  }

  CoreDriver core_;
  CoreClient client_{core_, kHome};
};

TEST_F(ParkedTest, AreReplayedWhenTheAnswerComes) {
  const FetchKey fetch = ask(client_);
  EXPECT_EQ(fetch.name, "alice");
  EXPECT_EQ(core_.server->waiting(), 1U);
  core_.answer_key(fetch);
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_TRUE(core_.to_client[0].is(Class::success));
  EXPECT_EQ(core_.to_client[0].client, client_.route.tuple.client);
  EXPECT_EQ(core_.server->waiting(), 0U);
}

TEST_F(ParkedTest, OpenNothingForAConnectionThatHasEnded) {
  CoreClient gone(core_, kHome, "alice", "secret", Transport::tcp);
  gone.route.link = {5, 1};
  CoreClient stays(core_, "8.8.8.8:40001", "alice", "secret", Transport::tcp);
  stays.route.link = {5, 2};
  const FetchKey first = ask(gone);
  const FetchKey second = ask(stays);
  core_.out.clear();
  core_.server->on_link_closed(core_.now, gone.route, core_.out);
  core_.answer_key(first);
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.server->allocations(), 0U);
  EXPECT_EQ(balance_of(core_), Balance());
  core_.answer_key(second);
  EXPECT_EQ(core_.server->allocations(), 1U);
}

TEST_F(ParkedTest, AreCountedOnce) {
  core_.answer_key(ask(client_));
  EXPECT_EQ(core_.count(&Counters::requests), 2U);  // The challenged one, and this.
  EXPECT_EQ(balance_of(core_), Balance());
}

TEST_F(ParkedTest, AreInTheBalanceWhileTheyWait) {
  ask(client_);
  EXPECT_EQ(balance_of(core_), Balance());
}

TEST_F(ParkedTest, GetTheAnswerToWrongCredentialsToo) {
  client_.credentials.password = "wrong";
  core_.answer_key(ask(client_));
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].error(), 401);
}

TEST_F(ParkedTest, LeaveTheKeyForTheNextRequest) {
  core_.answer_key(ask(client_));
  EXPECT_TRUE(client_.refresh(600).is(Class::success));
  CoreClient other(core_, "8.8.8.8:40001");
  EXPECT_TRUE(other.allocate().is(Class::success));
}

TEST_F(ParkedTest, MayBeSentTwiceAndMakeOneAllocation) {
  const Bytes request = (client_.learn_nonce(), client_.sealed(Method::allocate, udp()));
  client_.exchange(request);
  const FetchKey first = core_.effects<FetchKey>().at(0);
  client_.exchange(request);
  const FetchKey second = core_.effects<FetchKey>().at(0);
  core_.answer_key(first);
  const Bytes answer = core_.to_client.at(0).bytes;
  core_.answer_key(second);
  EXPECT_EQ(core_.to_client.at(0).bytes, answer);
  EXPECT_EQ(core_.server->allocations(), 1U);
}

TEST_F(ParkedTest, AreGivenUpAfterTwoSeconds) {
  const FetchKey fetch = ask(client_);
  core_.advance(seconds(1));
  core_.tick();
  EXPECT_EQ(core_.server->waiting(), 1U);
  core_.advance(seconds(1));
  core_.tick();
  EXPECT_EQ(core_.server->waiting(), 0U);
  EXPECT_EQ(core_.count(&Counters::drop_parked_late), 1U);
  core_.answer_key(fetch);
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(balance_of(core_), Balance());
}

TEST_F(ParkedTest, DoNotAskTwiceForOneRequest) {
  // The answer is void by the time it comes, since the store has changed again.
  const FetchKey fetch = ask(client_);
  core_.out.clear();
  core_.server->on_key(core_.now, fetch.ticket, unexpected(auth::LookupError::unavailable),
                       core_.out);
  for (const Effect& effect : core_.out.effects) {
    EXPECT_FALSE(std::holds_alternative<FetchKey>(effect));
  }
  EXPECT_EQ(core_.server->waiting(), 0U);
}

TEST_F(ParkedTest, AnswerOnlyOnceToATicket) {
  const FetchKey fetch = ask(client_);
  core_.answer_key(fetch);
  core_.answer_key(fetch);
  EXPECT_TRUE(core_.to_client.empty());
}

TEST_F(ParkedTest, AreBoundedInNumber) {
  std::vector<FetchKey> fetches;
  for (size_t i = 0; i < kMaxParkedRequests; ++i) {
    CoreClient client(core_,
                      Endpoint{Ip::v4(0x08090000 + static_cast<uint32_t>(i)), 1}.to_string());
    fetches.push_back(ask(client));
  }
  EXPECT_EQ(core_.server->waiting(), kMaxParkedRequests);
  client_.exchange(client_.sealed(Method::allocate, udp()));
  EXPECT_TRUE(core_.all_effects.empty());
  EXPECT_EQ(core_.count(&Counters::drop_parked_full), 1U);
  core_.answer_key(fetches[5]);
  EXPECT_TRUE(core_.to_client.at(0).is(Class::success));
  EXPECT_EQ(balance_of(core_), Balance());
}

TEST_F(ParkedTest, AreBoundedInSize) {
  client_.exchange(client_.sealed(Method::allocate, [](auto& b) {
    b.add_requested_transport(17);
    b.add(AttributeType::software, std::string(kMaxParkedSize, 's'));
  }));
  EXPECT_EQ(core_.server->waiting(), 0U);
  EXPECT_EQ(core_.count(&Counters::drop_parked_full), 1U);
}

// Ends from outside.

TEST(Kill, EndsTheAllocationsOfOneUser) {
  CoreDriver core;
  CoreClient first(core, "8.8.8.8:1");
  CoreClient second(core, "8.8.8.8:2");
  CoreClient bob(core, "8.8.8.8:3", "bob", "hunter2");
  for (CoreClient* client : {&first, &second, &bob}) client->allocate();
  core.out.clear();
  EXPECT_EQ(core.server->kill(core.now, "alice", CloseReason::killed, core.out), 2U);
  EXPECT_EQ(core.out.effects.size(), 2U);
  EXPECT_EQ(std::get<AllocationClosed>(core.out.effects[0]).reason, CloseReason::killed);
  EXPECT_EQ(core.server->allocations(), 1U);
  EXPECT_EQ(core.ports.open_leases(), 1U);
  EXPECT_EQ(core.quota.held_by(core.settings.realm, "alice"), 0U);
}

TEST(Kill, EndsAll) {
  CoreDriver core;
  for (uint16_t port = 1; port <= 200; ++port) {
    CoreClient(core, "8.8.8.8:" + std::to_string(port)).allocate();
  }
  core.out.clear();
  EXPECT_EQ(core.server->kill(core.now, "", CloseReason::server_stops, core.out), 200U);
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(core.quota.total(), 0U);
  EXPECT_EQ(core.count(&Counters::allocations_closed), 200U);
}

TEST(LinkClosed, EndsTheAllocationMadeOverIt) {
  CoreDriver core;
  CoreClient client(core, kHome, "alice", "secret", Transport::tcp);
  client.route.link = {5, 1};
  client.allocate();
  ClientRoute other = client.route;
  other.link = {5, 2};
  core.out.clear();
  core.server->on_link_closed(core.now, other, core.out);
  EXPECT_EQ(core.server->allocations(), 1U);
  core.server->on_link_closed(core.now, client.route, core.out);
  EXPECT_EQ(core.server->allocations(), 0U);
  ASSERT_EQ(core.out.effects.size(), 1U);
  EXPECT_EQ(std::get<AllocationClosed>(core.out.effects[0]).reason, CloseReason::link_closed);
  core.server->on_link_closed(core.now, client.route, core.out);
}

// Two connections that a load balancer reports as one five-tuple (PROXY protocol).

class OneTupleTwoLinks : public ::testing::Test {
 protected:
  OneTupleTwoLinks() {
    first_.route.link = {5, 1};
    second_.route.link = {6, 1};
    EXPECT_TRUE(first_.allocate().is(Class::success));
    EXPECT_TRUE(first_.bind(0x4000, kPeer).is(Class::success));
  }
  void close(const CoreClient& client) {
    core_.out.clear();
    core_.server->on_link_closed(core_.now, client.route, core_.out);
  }

  static constexpr std::string_view kPeer = "9.9.9.9:7000";
  CoreDriver core_;
  CoreClient first_{core_, kHome, "alice", "secret", Transport::tcp};
  CoreClient second_{core_, kHome, "alice", "secret", Transport::tcp};
};

TEST_F(OneTupleTwoLinks, TheSecondHasNoPartInTheAllocation) {
  second_.send_channel(0x4000, "data");
  EXPECT_TRUE(core_.to_peer.empty());
  second_.send(kPeer, "data");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_no_allocation), 2U);
  EXPECT_FALSE(core_.server->has_allocation(core_.now, second_.route));
  EXPECT_TRUE(core_.server->has_allocation(core_.now, first_.route));
  first_.send_channel(0x4000, "data");
  EXPECT_EQ(core_.to_peer.size(), 1U);
}

TEST_F(OneTupleTwoLinks, TheSecondCanNeitherChangeItNorHaveOne) {
  EXPECT_EQ(second_.refresh(0).error(), 437);
  EXPECT_EQ(second_.permit({"8.8.4.4"}).error(), 437);
  EXPECT_EQ(second_.bind(0x4001, "8.8.4.4:1").error(), 437);
  EXPECT_EQ(second_.allocate().error(), 437);
  EXPECT_EQ(core_.server->allocations(), 1U);
}

TEST_F(OneTupleTwoLinks, ARetransmissionOverTheSecondIsNone) {
  CoreClient third(core_, "8.8.8.8:40001", "alice", "secret", Transport::tcp);
  third.route.link = {7, 1};
  third.learn_nonce();
  const Bytes request = third.sealed(
      Method::allocate, [](stun::MessageBuilder& b) { b.add_requested_transport(17); });
  EXPECT_TRUE(third.exchange(request)->is(Class::success));
  EXPECT_TRUE(third.exchange(request)->is(Class::success));
  third.route.link = {8, 1};
  EXPECT_EQ(third.exchange(request)->error(), 437);
}

TEST_F(OneTupleTwoLinks, TheEndOfOneIsNotTheEndOfTheOthers) {
  close(second_);
  EXPECT_EQ(core_.server->allocations(), 1U);
  close(first_);
  EXPECT_EQ(core_.server->allocations(), 0U);
  EXPECT_TRUE(second_.allocate().is(Class::success));
}

// Settings.

TEST(Settings, ChangeTheLifeOfNonces) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.settings.nonce_lifetime = seconds(10);
  core.use_settings(core.settings);
  core.advance(seconds(11));
  EXPECT_EQ(client.refresh(600).error(), 438);
}

TEST(Settings, DoNotMoveTheDeadlinesOfLiveAllocations) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.settings.max_lifetime = seconds(60);
  core.use_settings(core.settings);
  EXPECT_EQ(client.allocation()->deadline, core.now.mono + seconds(600));
  EXPECT_EQ(client.refresh(600).u32(AttributeType::lifetime), 60U);
  EXPECT_EQ(client.allocation()->deadline, core.now.mono + seconds(60));
}

TEST(Settings, OfPeersHoldForNewPermissions) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.permit({"9.9.9.9:1"});
  auto peers = core.peer_settings;
  peers.rules.push_back({*IpRange::parse("9.9.9.9"), RuleAction::deny});
  core.use_peers(peers);
  EXPECT_EQ(client.permit({"9.9.9.9:1"}).error(), 403);
}

// Every packet that comes in has exactly one outcome, and each outcome a counter.
TEST(Conservation, HoldsForPacketsOfEveryKind) {
  CoreDriver core;
  core.settings.error_limit = {10, 50};
  core.use_settings(core.settings);
  CoreClient alice(core, "8.8.8.8:1");
  CoreClient bob(core, "8.8.8.8:2", "bob", "hunter2");
  CoreClient stranger(core, "8.8.8.8:3");
  alice.allocate();
  bob.allocate();
  alice.permit({"9.9.9.9:1", bob.relayed().to_string()});
  bob.permit({alice.relayed().to_string()});
  alice.bind(0x4000, "9.9.9.9:1");
  alice.bind(0x4001, "127.0.0.1:1");
  alice.send("9.9.9.9:1", "x");
  alice.send("9.9.9.8:1", "x");
  alice.send(bob.relayed().to_string(), "x");
  bob.send(alice.relayed().to_string(), "x");
  bob.send("192.0.2.1:1", "x");
  alice.send_channel(0x4000, "x");
  alice.send_channel(0x4005, "x");
  stranger.send_channel(0x4000, "x");
  stranger.send("9.9.9.9:1", "x");
  for (int i = 0; i < 100; ++i) stranger.exchange(testing::make_request(Method::allocate));
  stranger.exchange(testing::make_request(Method::binding));
  stranger.exchange(Bytes{1, 2, 3});
  stranger.exchange(testing::make_request(static_cast<Method>(0xff)));
  stranger.exchange(
      testing::make_message(Method::binding, Class::success, testing::transaction(1)));
  core.peer_packet(alice.relayed(), endpoint("9.9.9.9:1"), as_bytes("x"));
  core.peer_packet(alice.relayed(), endpoint("9.9.9.8:1"), as_bytes("x"));
  core.peer_packet(alice.relayed(), endpoint("9.9.9.9:1"), Bytes(65'500));
  bob.refresh(0);
  alice.send("192.0.2.1:49153", "x");
  EXPECT_EQ(balance_of(core), Balance());
  EXPECT_GT(core.count(&Counters::drop_rate_limited), 0U);
}

}  // namespace
}  // namespace turnpike::turn
