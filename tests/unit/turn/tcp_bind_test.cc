// RFC 6062 sections 5.4 and 5.5: ConnectionBind, and the end of connections.
#include <set>

#include "auth/time_limited.h"
#include "unit/turn/tcp_client.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;

TEST(TcpBind, JoinsTheLinkWithTheConnection) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  const uint32_t id = control.connect_well(kPeer);
  TcpClient data(core, kData);
  EXPECT_TRUE(data.bind(id).is(Class::success));
  const auto bound = core.effects<BindLink>();
  ASSERT_EQ(bound.size(), 1U);
  EXPECT_EQ(bound[0].link, data.route.link);
}

TEST(TcpBind, TakesTheNonceOfTheControlConnection) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  const uint32_t id = control.connect_well(kPeer);
  TcpClient data(core, kData);
  data.credentials = control.credentials;
  const auto answer = data.exchange(data.sealed(
      Method::connection_bind, [&](auto& b) { b.add_u32(AttributeType::connection_id, id); }));
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->is(Class::success)) << answer->error();
}

TEST(TcpBind, IsForTheOwnerOnlyAndLosesNothingToOthers) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  const uint32_t id = control.connect_well(kPeer);
  TcpClient bob(core, "8.8.4.4:5000", "bob", "hunter2");
  EXPECT_EQ(bob.bind(id).error(), 441);
  // Nor does somebody without credentials use the id up.
  TcpClient stranger(core, "8.8.4.4:5001");
  stranger.exchange(testing::make_request(
      Method::connection_bind, [&](auto& b) { b.add_u32(AttributeType::connection_id, id); }));
  EXPECT_EQ(core.to_client.at(0).error(), 401);
  TcpClient data(core, kData);
  EXPECT_TRUE(data.bind(id).is(Class::success));
}

TEST(TcpBind, WorksOnce) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  const uint32_t id = control.connect_well(kPeer);
  TcpClient data(core, kData);
  TcpClient more(core, "8.8.8.8:40002");
  data.bind(id);
  EXPECT_EQ(more.bind(id).error(), 400);
}

TEST(TcpBind, RefusesIdsThatNobodyHas) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  const uint32_t id = control.connect_well(kPeer);
  TcpClient data(core, kData);
  EXPECT_EQ(data.bind(id + 1).error(), 400);
  EXPECT_EQ(data.bind(0).error(), 400);
  EXPECT_EQ(data.request(Method::connection_bind).error(), 400);
}

TEST(TcpBind, IsRefusedOverDatagramsAndOnControlConnections) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  const uint32_t id = control.connect_well(kPeer);
  EXPECT_EQ(control.bind(id).error(), 400);
  CoreClient datagrams(core, kData);
  const Received answer = datagrams.request(
      Method::connection_bind, [&](auto& b) { b.add_u32(AttributeType::connection_id, id); });
  EXPECT_EQ(answer.error(), 400);
}

TEST(TcpBind, MayBeDoneWithAnExpiredName) {
  CoreDriver::Options options;
  options.settings.shared_secrets = {"north"};
  CoreDriver core(options);
  const std::string name = std::to_string(unix_seconds(core.now.wall) + 100) + ":alice";
  const std::string password = auth::time_limited_password("north", name);
  TcpClient control(core, kControl, name, password);
  control.open();
  core.run(seconds(200));
  const uint32_t id = control.connect_well(kPeer);
  TcpClient data(core, kData, name, password);
  EXPECT_TRUE(data.bind(id).is(Class::success));
}

TEST(TcpBind, HasThirtySeconds) {
  CoreDriver core;
  TcpClient control(core);
  const Endpoint relayed = control.open();
  control.permit({"9.9.9.9"});
  const uint32_t id = control.connect_well(kPeer);
  core.peer_accepted(relayed, endpoint("9.9.9.9:2000"));
  core.run(seconds(29));
  EXPECT_EQ(core.server->connections(), 2U);
  core.run(seconds(1));
  EXPECT_EQ(core.effects<ClosePeer>().size(), 2U);
  EXPECT_EQ(core.server->connections(), 0U);
  EXPECT_EQ(core.count(&Counters::connections_unbound), 2U);
  TcpClient data(core, kData);
  EXPECT_EQ(data.bind(id).error(), 400);
}

TEST(TcpBind, IsTooLateAtThirtySecondsBeforeAnybodyHasLooked) {
  for (const bool late : {false, true}) {
    CoreDriver core;
    TcpClient control(core);
    control.open();
    const uint32_t id = control.connect_well(kPeer);
    TcpClient data(core, kData);
    data.learn_nonce();
    core.advance(seconds(30) - (late ? Duration(0) : Duration(1)));
    EXPECT_EQ(data.bind(id).error(), late ? 400 : 0);
  }
}

TEST(TcpBind, HasNoDeadlineOnceDone) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  TcpClient data(core, kData);
  data.bind(control.connect_well(kPeer));
  core.run(seconds(60));
  EXPECT_EQ(core.server->connections(), 1U);
}

TEST(TcpBind, ForAnotherWorkerMovesTheLink) {
  CoreDriver::Options options;
  options.workers = 4;
  options.worker = 1;
  CoreDriver owner(options);
  TcpClient control(owner);
  control.open();
  const uint32_t id = control.connect_well(kPeer);
  EXPECT_EQ(id % 4, 1U);

  options.worker = 2;
  CoreDriver other(options);
  TcpClient data(other, kData);
  data.learn_nonce();
  const testing::Bytes packet = data.sealed(
      Method::connection_bind, [&](auto& b) { b.add_u32(AttributeType::connection_id, id); });
  EXPECT_FALSE(data.exchange(packet).has_value());
  const auto moves = other.effects<MoveLink>();
  ASSERT_EQ(moves.size(), 1U);
  EXPECT_EQ(moves[0].worker, 1U);
  EXPECT_EQ(moves[0].link, data.route.link);
  EXPECT_EQ(balance_of(other), testing::Balance());

  owner.client_packet(data.route, moves[0].request);
  EXPECT_TRUE(owner.to_client.at(0).is(Class::success));
  EXPECT_EQ(owner.effects<BindLink>().size(), 1U);
}

TEST(TcpBind, DoesNotMoveLinksOfStrangers) {
  CoreDriver::Options options;
  options.workers = 2;
  CoreDriver core(options);
  TcpClient data(core, kData);
  data.exchange(testing::make_request(Method::connection_bind,
                                      [](auto& b) { b.add_u32(AttributeType::connection_id, 3); }));
  EXPECT_TRUE(core.effects<MoveLink>().empty());
}

TEST(TcpBind, GivesIdsThatDoNotRepeatOrCount) {
  CoreDriver::Options options;
  options.settings.max_connections = 64;
  CoreDriver core(options);
  TcpClient control(core);
  control.open();
  std::set<uint32_t> ids;
  for (int port = 1; port <= 64; ++port) {
    ids.insert(control.connect_well("9.9.9.9:" + std::to_string(port)));
  }
  EXPECT_EQ(ids.size(), 64U);
  // Spread over the whole range: no two are neighbours, and both halves are in use.
  EXPECT_GT(*ids.rbegin(), 0x80000000U);
  EXPECT_LT(*ids.begin(), 0x80000000U);
  for (auto it = std::next(ids.begin()); it != ids.end(); ++it)
    EXPECT_GT(*it - *std::prev(it), 64U);
}

TEST(TcpConnections, EndWithTheirAllocation) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  TcpClient data(core, kData);
  data.bind(control.connect_well(kPeer));
  control.connect_well("9.9.9.9:1001");
  control.connect("9.9.9.9:1002");
  core.out.clear();
  core.server->on_link_closed(core.now, control.route, core.out);
  size_t closed = 0;
  for (const Effect& effect : core.out.effects) closed += std::holds_alternative<ClosePeer>(effect);
  EXPECT_EQ(closed, 3U);
  EXPECT_EQ(core.server->connections(), 0U);
  EXPECT_EQ(core.server->waiting(), 0U);
  EXPECT_EQ(core.ports.open_leases(), 0U);
  EXPECT_EQ(core.quota.total(), 0U);
  EXPECT_EQ(core.count(&Counters::connections_opened), core.count(&Counters::connections_closed));
}

TEST(TcpConnections, OnTheirWayAreAnsweredBesideTheRefreshThatEndsThem) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  control.connect(kPeer);
  TcpClient other(core, kData);
  const testing::Bytes refresh =
      control.sealed(Method::refresh, [](auto& b) { b.add_u32(AttributeType::lifetime, 0); });
  const testing::Bytes binding = testing::make_request(Method::binding);
  // All in one turn, so that what comes later must leave alone what came before.
  core.out.clear();
  core.server->on_client_packet(core.now, control.route, refresh, core.out);
  for (int i = 0; i < 100; ++i) {
    core.server->on_client_packet(core.now, other.route, binding, core.out);
  }
  ASSERT_EQ(core.out.to_client.size(), 102U);
  EXPECT_EQ(testing::parsed(core.out.to_client[0].head).method(), Method::connect);
  EXPECT_EQ(testing::parsed(core.out.to_client[1].head).method(), Method::refresh);
  for (size_t i = 2; i < 102; ++i) {
    EXPECT_EQ(testing::parsed(core.out.to_client[i].head).method(), Method::binding);
  }
}

TEST(TcpConnections, EndWhenTheAllocationExpires) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  TcpClient data(core, kData);
  data.bind(control.connect_well(kPeer));
  core.run(seconds(601));
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(core.server->connections(), 0U);
}

TEST(TcpConnections, OfOneFamilyEndWithIt) {
  CoreDriver core;
  TcpClient control(core);
  allocate_tcp(control, [](auto& b) {
    b.add_family(AttributeType::additional_address_family, stun::AddressFamily::ipv6);
  });
  control.connect_well(kPeer);
  control.connect_well("[2607:f8b0::1]:1000");
  const Received answer = control.request(Method::refresh, [](auto& b) {
    b.add_u32(AttributeType::lifetime, 0);
    b.add_family(AttributeType::requested_address_family, stun::AddressFamily::ipv6);
  });
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_EQ(core.server->connections(), 1U);
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST(TcpConnections, AreHeldToTheSessionsRate) {
  CoreDriver::Options options;
  options.settings.session.bytes_per_s = 100'000;
  CoreDriver core(options);
  TcpClient control(core);
  control.open();
  TcpClient data(core, kData);
  const uint32_t id = control.connect_well(kPeer);
  data.bind(id);
  const ConnectionRef ref = core.effects<BindLink>().at(0).connection;
  constexpr auto kUp = StreamDirection::from_client;
  // A fifth of a second's worth may be saved up.
  EXPECT_EQ(core.server->may_relay(core.now, ref, kUp, 16384), 16384U);
  core.server->on_relayed(core.now, ref, kUp, 16384, 16384);
  EXPECT_EQ(core.server->may_relay(core.now, ref, kUp, 16384), 20000U - 16384U);
  core.server->on_relayed(core.now, ref, kUp, 20000 - 16384, 1000);
  EXPECT_EQ(core.server->may_relay(core.now, ref, kUp, 16384), 0U);
  // The other direction has its own.
  EXPECT_EQ(core.server->may_relay(core.now, ref, StreamDirection::to_client, 16384), 16384U);
  core.advance(milliseconds(100));
  EXPECT_EQ(core.server->may_relay(core.now, ref, kUp, 16384), 10000U);
  EXPECT_EQ(control.allocation()->from_client.bytes, 17384U);
  EXPECT_EQ(core.count(&Counters::tcp_to_peer_bytes), 17384U);
}

TEST(TcpConnections, ThatAreGoneRelayNothing) {
  CoreDriver core;
  TcpClient control(core);
  control.open();
  control.connect(kPeer);
  const ConnectionRef ref = core.effects<ConnectPeer>().at(0).connection;
  core.peer_connected(ref, PeerConnect::connected);
  core.server->on_connection_closed(ref);
  core.server->on_connection_closed(ref);
  EXPECT_EQ(core.server->may_relay(core.now, ref, StreamDirection::to_client, 1), 0U);
  EXPECT_EQ(core.count(&Counters::connections_closed), 1U);
}

}  // namespace
}  // namespace turnpike::turn
