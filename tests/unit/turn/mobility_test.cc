// RFC 8016 within one worker.
#include "turn/mobility.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"
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
using testing::Received;

Bytes ticket_of(const Received& answer) {
  const auto value = answer.view().find(AttributeType::mobility_ticket);
  return value ? Bytes(value->begin(), value->end()) : Bytes();
}

class MobilityTest : public ::testing::Test {
 protected:
  static CoreDriver::Options mobile() {
    CoreDriver::Options options;
    options.settings.mobility = true;
    options.settings.quota = {1, 1};
    return options;
  }

  void SetUp() override {
    ticket_ = ticket_of(allocate(home_));
    home_.bind(0x4000, kPeer);
  }
  static Received allocate(CoreClient& client, ByteView ticket = {}) {
    return client.allocate([ticket](auto& b) { b.add(AttributeType::mobility_ticket, ticket); });
  }
  static Received move(CoreClient& client, ByteView ticket, std::optional<uint32_t> lifetime = {}) {
    return client.request(Method::refresh, [&](auto& b) {
      b.add(AttributeType::mobility_ticket, ticket);
      if (lifetime) b.add_u32(AttributeType::lifetime, *lifetime);
    });
  }
  // Where data from the peer goes; nothing: nowhere.
  std::optional<Endpoint> goes_to() {
    core_.peer_packet(home_.relayed(), endpoint(kPeer), as_bytes("hello"));
    if (core_.to_client.empty()) return {};
    return core_.to_client.at(0).client;
  }
  bool reaches_the_peer(CoreClient& client) {
    client.send_channel(0x4000, "data");
    return !core_.to_peer.empty();
  }
  const Endpoint& at(const CoreClient& client) { return client.route.tuple.client; }
  void lose(const CoreClient& client) {
    core_.out.clear();
    core_.server->on_link_closed(core_.now, client.route, core_.out);
  }
  void expect_one_allocation() {
    EXPECT_EQ(core_.server->allocations(), 1U);
    EXPECT_EQ(core_.quota.total(), 1U);
    EXPECT_EQ(core_.ports.open_leases(), 1U);
    EXPECT_EQ(balance_of(core_), testing::Balance());
  }
  void expect_nothing_left() {
    EXPECT_EQ(core_.server->allocations(), 0U);
    EXPECT_EQ(core_.quota.total(), 0U);
    EXPECT_EQ(core_.ports.open_leases(), 0U);
  }

  CoreDriver core_{mobile()};
  CoreClient home_{core_, "8.8.8.8:40000"};
  CoreClient cafe_{core_, "8.8.4.4:50000"};
  CoreClient train_{core_, "[2607:f8b0::7]:60000", "alice", "secret", Transport::tcp};
  Bytes ticket_;
};

TEST_F(MobilityTest, GivesATicketToWhoAsksForOne) {
  EXPECT_EQ(ticket_.size(), auth::kMobilityTicketSize);
  CoreDriver other(mobile());
  CoreClient client(other, "8.8.8.8:1");
  EXPECT_TRUE(ticket_of(client.allocate()).empty());
  EXPECT_EQ(client.allocation()->mobility, nullptr);
}

TEST_F(MobilityTest, GivesATicketWithARetransmittedAllocateToo) {
  CoreDriver other(mobile());
  CoreClient client(other, "8.8.8.8:1");
  allocate(client);
  const Bytes again = ticket_of(client.repeat());
  CoreClient elsewhere(other, "8.8.8.8:2");
  EXPECT_TRUE(move(elsewhere, again).is(Class::success));
}

TEST_F(MobilityTest, IsForbiddenWhenItIsOff) {
  core_.settings.mobility = false;
  core_.use_settings(core_.settings);
  EXPECT_EQ(move(cafe_, ticket_).error(), 405);
  EXPECT_EQ(goes_to(), at(home_));
  EXPECT_EQ(home_.refresh(600).error(), 0);
  CoreClient other(core_, "8.8.8.8:1");
  EXPECT_EQ(allocate(other).error(), 405);
}

TEST_F(MobilityTest, AnAllocateWithAFilledTicketIsBad) {
  CoreDriver other(mobile());
  CoreClient client(other, "8.8.8.8:1");
  EXPECT_EQ(allocate(client, ticket_).error(), 400);
  EXPECT_EQ(other.server->allocations(), 0U);
}

TEST_F(MobilityTest, GivesANewTicketWithEachMove) {
  const Received answer = move(cafe_, ticket_);
  ASSERT_TRUE(answer.is(Class::success));
  EXPECT_EQ(answer.u32(AttributeType::lifetime), 600U);
  EXPECT_EQ(ticket_of(answer).size(), auth::kMobilityTicketSize);
  EXPECT_NE(ticket_of(answer), ticket_);
  EXPECT_TRUE(move(train_, ticket_of(answer)).is(Class::success));
  expect_one_allocation();
}

TEST_F(MobilityTest, TheOldFiveTupleWorksUntilDataComesFromTheNewOne) {
  ASSERT_TRUE(move(cafe_, ticket_).is(Class::success));
  EXPECT_EQ(goes_to(), at(home_));
  EXPECT_TRUE(reaches_the_peer(home_));
  EXPECT_EQ(home_.refresh(600).error(), 0);
  EXPECT_EQ(home_.permit({kPeer}).error(), 0);
  EXPECT_TRUE(reaches_the_peer(cafe_));
  EXPECT_EQ(goes_to(), at(cafe_));
  EXPECT_FALSE(reaches_the_peer(home_));
  EXPECT_EQ(home_.refresh(600).error(), 437);
  EXPECT_EQ(cafe_.refresh(600).error(), 0);
  expect_one_allocation();
}

TEST_F(MobilityTest, ASendIndicationConfirmsTheMove) {
  move(cafe_, ticket_);
  cafe_.send(kPeer, "data");
  EXPECT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(goes_to(), at(cafe_));
}

TEST_F(MobilityTest, ReportsTheMoveWhenItIsConfirmed) {
  move(cafe_, ticket_);
  EXPECT_TRUE(core_.effects<AllocationMoved>().empty());
  cafe_.send(kPeer, "data");
  ASSERT_EQ(core_.effects<AllocationMoved>().size(), 1U);
  EXPECT_EQ(core_.effects<AllocationMoved>()[0].from, home_.route.tuple);
  EXPECT_EQ(core_.effects<AllocationMoved>()[0].to, cafe_.route.tuple);
  EXPECT_EQ(core_.count(&Counters::moves), 1U);
}

TEST_F(MobilityTest, RequestsWorkFromBothFiveTuplesAndConfirmNothing) {
  move(cafe_, ticket_);
  EXPECT_EQ(cafe_.permit({"9.9.9.10"}).error(), 0);
  EXPECT_EQ(cafe_.bind(0x4001, "9.9.9.10:1").error(), 0);
  EXPECT_EQ(cafe_.refresh(600).error(), 0);
  EXPECT_EQ(goes_to(), at(home_));
}

TEST_F(MobilityTest, MovesBetweenTransportsAndFamilies) {
  move(train_, ticket_);
  EXPECT_TRUE(reaches_the_peer(train_));
  core_.peer_packet(home_.relayed(), endpoint(kPeer), as_bytes("odd"));
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].client, at(train_));
  EXPECT_EQ(core_.to_client[0].bytes.size(), 8U);  // Padded, as over a stream.
}

TEST_F(MobilityTest, ATicketFromTheSameFiveTupleIsBad) {
  EXPECT_EQ(move(home_, ticket_).error(), 400);
  const Bytes next = ticket_of(move(cafe_, ticket_));
  EXPECT_EQ(move(cafe_, next).error(), 400);
  EXPECT_EQ(move(home_, next).error(), 400);
  expect_one_allocation();
}

TEST_F(MobilityTest, AMoveWhoseAnswerWasLostIsAnsweredAgainForHalfAMinute) {
  const Bytes first = ticket_of(move(cafe_, ticket_));
  const Received again = cafe_.repeat();
  ASSERT_TRUE(again.is(Class::success));
  EXPECT_TRUE(move(cafe_, ticket_).is(Class::success));
  core_.advance(seconds(29));
  EXPECT_TRUE(move(cafe_, ticket_).is(Class::success));
  core_.advance(seconds(1));
  EXPECT_EQ(move(cafe_, ticket_).error(), 400);
  EXPECT_TRUE(move(train_, ticket_of(again)).is(Class::success));
  expect_one_allocation();
}

TEST_F(MobilityTest, AnOldTicketIsWorthNothingAnywhereElse) {
  move(cafe_, ticket_);
  EXPECT_EQ(move(train_, ticket_).error(), 400);
  reaches_the_peer(cafe_);
  EXPECT_EQ(move(train_, ticket_).error(), 400);
  EXPECT_EQ(move(home_, ticket_).error(), 400);
  EXPECT_EQ(goes_to(), at(cafe_));
  expect_one_allocation();
}

TEST_F(MobilityTest, AMoveOnLeavesNoFiveTupleBehind) {
  const Bytes second = ticket_of(move(cafe_, ticket_));
  Bytes newest = ticket_of(move(train_, second));
  EXPECT_EQ(cafe_.refresh(600).error(), 437);
  EXPECT_FALSE(reaches_the_peer(cafe_));
  EXPECT_TRUE(reaches_the_peer(home_));
  EXPECT_TRUE(reaches_the_peer(train_));
  EXPECT_EQ(home_.refresh(600).error(), 437);
  for (int i = 0; i < 100; ++i) {
    CoreClient next(core_, "8.1.1.1:" + std::to_string(1000 + i));
    const Received answer = move(next, newest);
    ASSERT_TRUE(answer.is(Class::success));
    newest = ticket_of(answer);
  }
  expect_one_allocation();
  EXPECT_EQ(home_.refresh(0).error(), 437);
  EXPECT_EQ(train_.refresh(0).error(), 0);
  expect_nothing_left();
}

TEST_F(MobilityTest, AFiveTupleThatHasAnAllocationTakesNoOther) {
  core_.settings.quota = {};
  core_.use_settings(core_.settings);
  cafe_.allocate();
  EXPECT_EQ(move(cafe_, ticket_).error(), 437);
  EXPECT_EQ(goes_to(), at(home_));
  EXPECT_EQ(cafe_.refresh(600).error(), 0);
}

TEST_F(MobilityTest, AnExpiredAllocationIsNotInTheWay) {
  core_.settings.quota = {};
  core_.use_settings(core_.settings);
  cafe_.allocate();
  core_.advance(seconds(300));
  home_.learn_nonce();
  const Received refreshed = home_.refresh(600);
  ASSERT_TRUE(refreshed.is(Class::success));
  core_.advance(seconds(300));
  cafe_.learn_nonce();
  EXPECT_TRUE(move(cafe_, ticket_).is(Class::success));
  EXPECT_EQ(core_.server->allocations(), 1U);
}

TEST_F(MobilityTest, AnotherUsersTicketIsRefused) {
  CoreClient bob(core_, "8.8.4.4:50000", "bob", "hunter2");
  EXPECT_EQ(move(bob, ticket_).error(), 441);
  EXPECT_EQ(bob.refresh(600).error(), 437);
  EXPECT_EQ(goes_to(), at(home_));
  EXPECT_TRUE(move(train_, ticket_).is(Class::success));
}

TEST_F(MobilityTest, AStolenTicketIsWorthNothingWithoutThePassword) {
  CoreClient thief(core_, "8.8.4.4:50000", "alice", "guessed");
  EXPECT_EQ(move(thief, ticket_).error(), 401);
  const Bytes bare = testing::make_request(
      Method::refresh, [&](auto& b) { b.add(AttributeType::mobility_ticket, ByteView(ticket_)); });
  EXPECT_EQ(thief.exchange(bare)->error(), 401);
  EXPECT_FALSE(reaches_the_peer(thief));
  EXPECT_EQ(goes_to(), at(home_));
}

TEST_F(MobilityTest, AForgedTicketIsBad) {
  Bytes forged = ticket_;
  forged[20] ^= 1;
  EXPECT_EQ(move(cafe_, forged).error(), 400);
  EXPECT_EQ(move(cafe_, {}).error(), 400);
  EXPECT_EQ(move(cafe_, Bytes(200, 7)).error(), 400);
  EXPECT_TRUE(move(cafe_, ticket_).is(Class::success));
}

TEST_F(MobilityTest, TheTicketOfAnAllocationThatEndedMovesNothing) {
  home_.refresh(0);
  EXPECT_EQ(move(cafe_, ticket_).error(), 437);
  expect_nothing_left();
}

TEST_F(MobilityTest, TheTicketOfAnExpiredAllocationMovesNothing) {
  core_.advance(seconds(600));
  EXPECT_EQ(move(cafe_, ticket_).error(), 437);
  core_.run(seconds(2));
  EXPECT_EQ(move(cafe_, ticket_).error(), 437);
  expect_nothing_left();
}

TEST_F(MobilityTest, TheTicketOfAnAllocationBeforeDoesNotOpenTheOneInItsPlace) {
  home_.refresh(0);
  allocate(home_);
  EXPECT_EQ(move(cafe_, ticket_).error(), 437);
  expect_one_allocation();
}

TEST_F(MobilityTest, ALifetimeOfZeroEndsItFromAnywhere) {
  const Received answer = move(cafe_, ticket_, 0);
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_EQ(answer.u32(AttributeType::lifetime), 0U);
  expect_nothing_left();
}

TEST_F(MobilityTest, EndsInTheMiddleOfAMoveWithNothingLeft) {
  move(cafe_, ticket_);
  core_.out.clear();
  core_.server->kill(core_.now, "alice", CloseReason::killed, core_.out);
  expect_nothing_left();
  EXPECT_EQ(cafe_.refresh(600).error(), 437);
  EXPECT_TRUE(cafe_.allocate().is(Class::success));
}

TEST_F(MobilityTest, ExpiresInTheMiddleOfAMoveWithNothingLeft) {
  move(cafe_, ticket_);
  core_.run(seconds(602));
  expect_nothing_left();
  cafe_.learn_nonce();
  home_.learn_nonce();
  EXPECT_TRUE(cafe_.allocate().is(Class::success));
  EXPECT_EQ(home_.refresh(600).error(), 437);
}

// The allocation is the train's, over TCP.
class LostConnection : public MobilityTest {
 protected:
  void SetUp() override {
    ticket_ = ticket_of(allocate(train_));
    train_.bind(0x4000, kPeer);
  }
  std::optional<Endpoint> goes_to() {
    core_.peer_packet(train_.relayed(), endpoint(kPeer), as_bytes("hello"));
    if (core_.to_client.empty()) return {};
    return core_.to_client.at(0).client;
  }
};

TEST_F(LostConnection, KeepsTheAllocationForItsClient) {
  lose(train_);
  expect_one_allocation();
  EXPECT_EQ(goes_to(), std::nullopt);
  EXPECT_EQ(core_.count(&Counters::drop_client_away), 1U);
  EXPECT_TRUE(move(cafe_, ticket_).is(Class::success));
  EXPECT_EQ(goes_to(), at(cafe_));
  expect_one_allocation();
}

TEST_F(LostConnection, HoldsItsPlaceInTheQuotaUntilItEnds) {
  lose(train_);
  EXPECT_EQ(cafe_.allocate().error(), 486);
  core_.run(seconds(602));
  expect_nothing_left();
  cafe_.learn_nonce();
  EXPECT_TRUE(cafe_.allocate().is(Class::success));
}

TEST_F(LostConnection, WithoutATicketTheAllocationEnds) {
  core_.settings.quota = {};
  core_.use_settings(core_.settings);
  CoreClient plain(core_, "8.8.8.8:5", "alice", "secret", Transport::tcp);
  plain.allocate();
  EXPECT_EQ(core_.server->allocations(), 2U);
  lose(plain);
  EXPECT_EQ(core_.server->allocations(), 1U);
}

TEST_F(LostConnection, ANewConnectionFromTheSamePlaceIsNotItsClientYet) {
  lose(train_);
  train_.route.link.generation = 1;
  EXPECT_FALSE(reaches_the_peer(train_));
  EXPECT_EQ(train_.refresh(600).error(), 437);
  EXPECT_TRUE(move(train_, ticket_).is(Class::success));
  EXPECT_TRUE(reaches_the_peer(train_));
  expect_one_allocation();
}

TEST_F(LostConnection, DuringAMoveCompletesIt) {
  move(cafe_, ticket_);
  EXPECT_EQ(goes_to(), at(train_));
  lose(train_);
  EXPECT_EQ(goes_to(), at(cafe_));
  expect_one_allocation();
}

TEST_F(LostConnection, OfTheNewFiveTupleTakesTheMoveBack) {
  CoreClient other(core_, "8.8.8.8:5", "alice", "secret", Transport::tcp);
  other.route.link.index = 5;
  const Bytes next = ticket_of(move(other, ticket_));
  lose(other);
  EXPECT_EQ(goes_to(), at(train_));
  EXPECT_TRUE(reaches_the_peer(train_));
  EXPECT_TRUE(move(cafe_, next).is(Class::success));
  expect_one_allocation();
}

TEST_F(LostConnection, OfBothLeavesAnAllocationWithoutAFiveTuple) {
  CoreClient other(core_, "8.8.8.8:5", "alice", "secret", Transport::tcp);
  other.route.link.index = 5;
  const Bytes next = ticket_of(move(other, ticket_));
  lose(train_);
  lose(other);
  EXPECT_EQ(goes_to(), std::nullopt);
  EXPECT_TRUE(move(cafe_, next).is(Class::success));
  EXPECT_EQ(goes_to(), at(cafe_));
}

TEST_F(LostConnection, OfAnOlderLinkThanThePresentOneChangesNothing) {
  CoreClient stale = train_;
  stale.route.link.generation = 99;
  lose(stale);
  EXPECT_EQ(goes_to(), at(train_));
}

}  // namespace
}  // namespace turnpike::turn
