// RFC 6062 sections 5.2 and 5.3: connections to peers and from peers.
#include "unit/turn/tcp_client.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;

TEST(TcpConnect, NeedsATcpAllocation) {
  CoreDriver core;
  TcpClient client(core);
  EXPECT_EQ(client.connect(kPeer)->error(), 437);
  client.allocate();
  EXPECT_EQ(client.connect(kPeer)->error(), 437);
}

TEST(TcpConnect, NeedsTheOwner) {
  CoreDriver core;
  TcpClient alice(core);
  alice.open();
  TcpClient bob(core, kControl, "bob", "hunter2");
  EXPECT_EQ(bob.connect(kPeer)->error(), 441);
}

TEST(TcpConnect, NeedsAPeerWithAPort) {
  CoreDriver core;
  TcpClient client(core);
  client.open();
  EXPECT_EQ(client.request(Method::connect).error(), 400);
  EXPECT_EQ(client.connect("9.9.9.9:0")->error(), 400);
  EXPECT_EQ(client.connect("[2607:f8b0::1]:1000")->error(), 443);
}

TEST(TcpConnect, IsAnsweredWhenThePeerIsReached) {
  CoreDriver core;
  TcpClient client(core);
  const Endpoint relayed = client.open();
  EXPECT_FALSE(client.connect(kPeer).has_value());
  const auto wanted = core.effects<ConnectPeer>();
  ASSERT_EQ(wanted.size(), 1U);
  EXPECT_EQ(wanted[0].target, endpoint(kPeer));
  EXPECT_EQ(wanted[0].relay, core.ports.find(relayed));
  EXPECT_EQ(core.server->waiting(), 1U);
  core.peer_connected(wanted[0].connection, PeerConnect::connected);
  ASSERT_EQ(core.to_client.size(), 1U);
  EXPECT_TRUE(core.to_client[0].is(Class::success));
  EXPECT_EQ(core.to_client[0].view().method(), Method::connect);
  EXPECT_TRUE(core.to_client[0].view().has(AttributeType::message_integrity));
  EXPECT_NE(core.to_client[0].u32(AttributeType::connection_id), std::nullopt);
  EXPECT_EQ(balance_of(core), testing::Balance());
}

TEST(TcpConnect, IsRefusedWhenThePeerCannotBeReached) {
  CoreDriver core;
  TcpClient client(core);
  client.open();
  client.connect(kPeer);
  core.peer_connected(core.effects<ConnectPeer>().at(0).connection, PeerConnect::failed);
  EXPECT_EQ(core.to_client.at(0).error(), 447);
  EXPECT_EQ(core.server->connections(), 0U);
  // And may be tried again.
  client.connect_well(kPeer);
}

TEST(TcpConnect, IsRefusedAfterThirtySeconds) {
  CoreDriver core;
  TcpClient client(core);
  client.open();
  client.connect(kPeer);
  const ConnectionRef ref = core.effects<ConnectPeer>().at(0).connection;
  core.run(seconds(29));
  EXPECT_TRUE(core.to_client.empty());
  core.run(seconds(1));
  EXPECT_EQ(core.to_client.at(0).error(), 447);
  EXPECT_EQ(core.effects<ClosePeer>().at(0).connection, ref);
  // The outcome may still come.
  core.peer_connected(ref, PeerConnect::connected);
  EXPECT_TRUE(core.to_client.empty());
  EXPECT_EQ(core.server->connections(), 0U);
  EXPECT_EQ(balance_of(core), testing::Balance());
}

TEST(TcpConnect, HasOneConnectionToAPeerAtATime) {
  CoreDriver core;
  TcpClient client(core);
  client.open();
  client.connect(kPeer);
  const ConnectionRef ref = core.effects<ConnectPeer>().at(0).connection;
  EXPECT_EQ(client.connect(kPeer)->error(), 446);
  core.peer_connected(ref, PeerConnect::connected);
  EXPECT_EQ(client.connect(kPeer)->error(), 446);
  core.server->on_connection_closed(ref);
  EXPECT_FALSE(client.connect(kPeer).has_value());
  // Another port is another peer.
  EXPECT_FALSE(client.connect("9.9.9.9:1001").has_value());
}

TEST(TcpConnect, ObeysThePeerPolicy) {
  CoreDriver core;
  TcpClient client(core);
  client.open();
  for (const std::string_view peer :
       {"127.0.0.1:22", "10.0.0.1:80", "169.254.169.254:80", "224.0.0.1:80", "0.0.0.0:80",
        "192.0.2.1:22", "192.168.1.1:443"}) {
    const auto answer = client.connect(peer);
    ASSERT_TRUE(answer.has_value()) << peer;
    EXPECT_EQ(answer->error(), 403) << peer;
    EXPECT_TRUE(core.effects<ConnectPeer>().empty()) << peer;
  }
}

TEST(TcpConnect, HasABoundedNumberOfConnections) {
  CoreDriver::Options options;
  options.settings.max_connections = 2;
  CoreDriver core(options);
  TcpClient client(core);
  const Endpoint relayed = client.open();
  client.permit({"9.9.9.9"});
  client.connect_well("9.9.9.9:1");
  EXPECT_FALSE(client.connect("9.9.9.9:2").has_value());
  EXPECT_EQ(client.connect("9.9.9.9:3")->error(), 508);
  EXPECT_FALSE(core.peer_accepted(relayed, endpoint("9.9.9.9:4")).has_value());
  EXPECT_EQ(core.count(&Counters::connection_cap), 2U);
}

// A port scan by Connect is one, too.
TEST(TcpConnect, MeetsABoundedNumberOfNewPeersASecond) {
  CoreDriver::Options options;
  options.settings.new_peers_per_s = 2;  // Ten at once.
  CoreDriver core(options);
  TcpClient client(core);
  client.open();
  const auto begun = [&](uint16_t first) {
    size_t count = 0;
    for (uint16_t port = first; port < first + 20; ++port) {
      const auto refused = client.connect("9.9.9.9:" + std::to_string(port));
      if (refused) EXPECT_EQ(refused->error(), 508);
      count += core.effects<ConnectPeer>().size();
    }
    return count;
  };
  EXPECT_EQ(begun(1000), 10U);
  core.advance(seconds(1));
  EXPECT_EQ(begun(2000), 2U);
}

TEST(TcpConnect, PeersThatCallAndAreNotBoundLeaveHalfOfThePlaces) {
  CoreDriver::Options options;
  options.settings.max_connections = 4;
  CoreDriver core(options);
  TcpClient client(core);
  const Endpoint relayed = client.open();
  client.permit({"9.9.9.9"});
  EXPECT_TRUE(core.peer_accepted(relayed, endpoint("9.9.9.9:1")).has_value());
  EXPECT_TRUE(core.peer_accepted(relayed, endpoint("9.9.9.9:2")).has_value());
  EXPECT_FALSE(core.peer_accepted(relayed, endpoint("9.9.9.9:3")).has_value());
  EXPECT_EQ(core.count(&Counters::connection_cap), 1U);
  client.connect_well("9.9.9.9:4");
  client.connect_well("9.9.9.9:5");
  EXPECT_EQ(client.connect("9.9.9.9:6")->error(), 508);
}

TEST(TcpConnect, APeerThatWasBoundMakesRoomForAnother) {
  CoreDriver::Options options;
  options.settings.max_connections = 4;
  CoreDriver core(options);
  TcpClient client(core);
  const Endpoint relayed = client.open();
  client.permit({"9.9.9.9"});
  core.peer_accepted(relayed, endpoint("9.9.9.9:1"));
  core.peer_accepted(relayed, endpoint("9.9.9.9:2"));
  TcpClient data(core, kData);
  const auto attempt = core.to_client.at(0).u32(AttributeType::connection_id);
  ASSERT_TRUE(data.bind(*attempt).is(Class::success));
  EXPECT_TRUE(core.peer_accepted(relayed, endpoint("9.9.9.9:3")).has_value());
}

TEST(TcpConnect, ReachesOtherAllocationsWhereTheyListen) {
  CoreDriver core;
  core.space.set_address(IpFamily::v4,
                         testing::FakeAddress{testing::ip("10.0.0.5"), testing::ip("192.0.2.1")});
  TcpClient client(core);
  TcpClient other(core, "8.8.4.4:5000");
  client.open();
  const Endpoint relayed = other.open();
  EXPECT_EQ(relayed.ip, testing::ip("192.0.2.1"));
  EXPECT_FALSE(client.connect(relayed.to_string()).has_value());
  const auto wanted = core.effects<ConnectPeer>();
  EXPECT_EQ(wanted.at(0).target, (Endpoint{testing::ip("10.0.0.5"), relayed.port}));
  // Gone before the connection stands: whoever listens there now is nobody's peer.
  other.refresh(0);
  core.peer_connected(wanted[0].connection, PeerConnect::connected);
  EXPECT_EQ(core.to_client.at(0).error(), 447);
  EXPECT_EQ(core.effects<ClosePeer>().size(), 1U);
}

TEST(TcpConnect, DoesNotReachUdpAllocationsOrItself) {
  CoreDriver core;
  TcpClient client(core);
  CoreClient datagrams(core, "8.8.4.4:5000");
  const Endpoint own = client.open();
  datagrams.allocate();
  EXPECT_EQ(client.connect(datagrams.relayed().to_string())->error(), 403);
  EXPECT_EQ(client.connect(own.to_string())->error(), 403);
}

TEST(TcpConnect, TellsTheClientOfPermittedPeersThatConnect) {
  CoreDriver core;
  TcpClient client(core);
  const Endpoint relayed = client.open();
  EXPECT_FALSE(core.peer_accepted(relayed, endpoint(kPeer)).has_value());
  EXPECT_EQ(core.count(&Counters::connections_no_permission), 1U);
  EXPECT_TRUE(core.to_client.empty());

  client.permit({"9.9.9.9"});
  EXPECT_TRUE(core.peer_accepted(relayed, endpoint(kPeer)).has_value());
  ASSERT_EQ(core.to_client.size(), 1U);
  const Received& attempt = core.to_client[0];
  EXPECT_TRUE(attempt.is(Class::indication));
  EXPECT_EQ(attempt.view().method(), Method::connection_attempt);
  EXPECT_EQ(attempt.address(AttributeType::xor_peer_address), endpoint(kPeer));
  EXPECT_NE(attempt.u32(AttributeType::connection_id), std::nullopt);
  EXPECT_EQ(attempt.precious, Precious::no);

  core.run(core.settings.permission_lifetime);
  EXPECT_FALSE(core.peer_accepted(relayed, endpoint("9.9.9.9:1001")).has_value());
}

TEST(TcpConnect, KnowsOtherAllocationsThatConnectByTheirExternalForm) {
  CoreDriver core;
  core.space.set_address(IpFamily::v4,
                         testing::FakeAddress{testing::ip("10.0.0.5"), testing::ip("192.0.2.1")});
  TcpClient client(core);
  TcpClient other(core, "8.8.4.4:5000");
  const Endpoint relayed = client.open();
  const Endpoint peer = other.open();
  EXPECT_TRUE(client.permit({"192.0.2.1"}).is(Class::success));
  EXPECT_TRUE(core.peer_accepted(relayed, {testing::ip("10.0.0.5"), peer.port}).has_value());
  EXPECT_EQ(core.to_client.at(0).address(AttributeType::xor_peer_address), peer);
  // Something else on this host is not let in by the same permission.
  EXPECT_FALSE(core.peer_accepted(relayed, endpoint("10.0.0.5:22")).has_value());
}

}  // namespace
}  // namespace turnpike::turn
