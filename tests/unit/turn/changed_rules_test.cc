// What a change of the peer rules does to peers that were allowed before it.
#include "unit/turn/tcp_client.h"

namespace turnpike::turn {
namespace {

class ChangedRulesTest : public ::testing::Test {
 protected:
  void add_rule(std::string_view range, RuleAction action) {
    PeerPolicySettings rules = core_.peer_settings;
    rules.rules.push_back({*IpRange::parse(range), action});
    core_.use_peers(rules);
  }
  void allow(std::string_view range) { add_rule(range, RuleAction::allow); }
  void deny(std::string_view range) { add_rule(range, RuleAction::deny); }
  void drop_rules() {
    PeerPolicySettings rules = core_.peer_settings;
    rules.rules.clear();
    core_.use_peers(rules);
  }
  uint64_t refused(PeerReason reason) {
    return core_.server->counters().by.peers_refused[reason].get();
  }
  // How many of one datagram by indication and one by channel pass.
  size_t sent(CoreClient& client, std::string_view peer, uint16_t channel) {
    size_t count = 0;
    client.send(peer, "by indication");
    count += core_.to_peer.size();
    client.send_channel(channel, "by channel");
    return count + core_.to_peer.size();
  }
  CoreDriver core_;
};

TEST_F(ChangedRulesTest, PermissionsAndChannelsOfRefusedPeersEnd) {
  CoreClient client(core_, "8.8.8.8:40000");
  client.allocate();
  client.bind(0x4000, "9.9.9.9:1000");
  client.bind(0x4001, "9.9.9.10:1000");
  EXPECT_EQ(sent(client, "9.9.9.9:1000", 0x4000), 2U);
  deny("9.9.9.9");
  EXPECT_EQ(sent(client, "9.9.9.9:1000", 0x4000), 0U);
  EXPECT_EQ(sent(client, "9.9.9.10:1000", 0x4001), 2U);
  core_.peer_packet(client.relayed(), endpoint("9.9.9.9:1000"), as_bytes("from outside"));
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::peers_refused), 1U);
}

TEST_F(ChangedRulesTest, AnAddressThatBecomesOursIsRefused) {
  CoreClient client(core_, "8.8.8.8:40000");
  client.allocate();
  client.bind(0x4000, "9.9.9.9:1000");
  PeerPolicySettings rules = core_.peer_settings;
  rules.own_addresses.push_back(*Ip::parse("9.9.9.9"));
  core_.use_peers(rules);
  EXPECT_EQ(sent(client, "9.9.9.9:1000", 0x4000), 0U);
}

TEST_F(ChangedRulesTest, OurOwnAddressIsReachedInProcessOnlyWithoutItsRule) {
  allow("192.0.2.1");
  CoreClient client(core_, "8.8.8.8:40000");
  client.allocate();
  client.bind(0x4000, "192.0.2.1:22");
  EXPECT_EQ(sent(client, "192.0.2.1:22", 0x4000), 2U);
  drop_rules();
  EXPECT_EQ(sent(client, "192.0.2.1:22", 0x4000), 0U);
  EXPECT_EQ(core_.count(&Counters::drop_local_peer_gone), 2U);
}

TEST_F(ChangedRulesTest, OurOwnAddressStaysAllowedInWhicheverFormTheRuleNamesIt) {
  core_.space.set_address(IpFamily::v4,
                          testing::FakeAddress{testing::ip("10.0.0.5"), testing::ip("192.0.2.1")});
  allow("10.0.0.5");
  CoreClient client(core_, "8.8.8.8:40000");
  client.allocate();
  client.bind(0x4000, "10.0.0.5:22");
  EXPECT_EQ(sent(client, "10.0.0.5:22", 0x4000), 2U);
  deny("9.9.9.9");
  EXPECT_EQ(sent(client, "10.0.0.5:22", 0x4000), 2U);
  drop_rules();
  EXPECT_EQ(sent(client, "10.0.0.5:22", 0x4000), 0U);
}

TEST_F(ChangedRulesTest, RefusalsAreCountedByTheReasonForThem) {
  CoreClient client(core_, "8.8.8.8:40000");
  client.allocate();
  client.permit({"192.0.2.1"});
  deny("192.0.2.0/24");
  EXPECT_EQ(refused(PeerReason::denied_by_rule), 1U);
  EXPECT_EQ(refused(PeerReason::own_address), 0U);
}

TEST_F(ChangedRulesTest, PermissionsThatAreOverAreNotRefused) {
  CoreClient client(core_, "8.8.8.8:40000");
  client.allocate();
  client.permit({"9.9.9.9"});
  core_.run(core_.settings.permission_lifetime);
  deny("9.9.9.9");
  EXPECT_EQ(core_.count(&Counters::peers_refused), 0U);
  EXPECT_EQ(client.allocation()->permissions.size(), 0U);
}

TEST_F(ChangedRulesTest, OtherAllocationsAreStillReached) {
  CoreClient alice(core_, "8.8.8.8:40000");
  CoreClient bob(core_, "8.8.4.4:40000", "bob", "hunter2");
  alice.allocate();
  bob.allocate();
  alice.bind(0x4000, bob.relayed().to_string());
  bob.permit({alice.relayed().to_string()});
  deny("9.9.9.9");
  alice.send_channel(0x4000, "hello");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].client, endpoint("8.8.4.4:40000"));
}

TEST_F(ChangedRulesTest, ConnectionsToRefusedPeersEnd) {
  TcpClient client(core_);
  client.open();
  client.connect_well(kPeer);
  client.connect_well("9.9.9.10:1000");
  deny("9.9.9.9");
  EXPECT_EQ(core_.effects<ClosePeer>().size(), 1U);
  EXPECT_EQ(core_.allocation_of(client.route)->connections.size(), 1U);
  // The peer is free to be asked for again, and is refused.
  EXPECT_EQ(client.connect(kPeer)->error(), 403);
}

TEST_F(ChangedRulesTest, ConnectionsWithThisHostEndWithTheRuleThatAllowedThem) {
  allow("192.0.2.1");
  TcpClient client(core_);
  const Endpoint relayed = client.open();
  client.connect_well("192.0.2.1:22");
  client.permit({"192.0.2.1"});
  ASSERT_TRUE(core_.peer_accepted(relayed, endpoint("192.0.2.1:5555")));
  drop_rules();
  EXPECT_EQ(core_.effects<ClosePeer>().size(), 2U);
  EXPECT_TRUE(core_.allocation_of(client.route)->connections.empty());
  // Its permission leads to other allocations only from now on.
  EXPECT_FALSE(core_.peer_accepted(relayed, endpoint("192.0.2.1:5555")));
}

TEST_F(ChangedRulesTest, ConnectionsWithOtherAllocationsStay) {
  core_.space.set_address(IpFamily::v4,
                          testing::FakeAddress{testing::ip("10.0.0.5"), testing::ip("192.0.2.1")});
  TcpClient client(core_);
  TcpClient other(core_, "8.8.4.4:5000", "bob", "hunter2");
  const Endpoint relayed = client.open();
  const Endpoint peer = other.open();
  client.connect_well(peer.to_string());
  other.permit({"192.0.2.1"});
  ASSERT_TRUE(core_.peer_accepted(peer, {testing::ip("10.0.0.5"), relayed.port}));
  deny("9.9.9.9");
  EXPECT_TRUE(core_.effects<ClosePeer>().empty());
  // A Connect to the external form would not be refused for it either.
  deny("10.0.0.0/8");
  EXPECT_TRUE(core_.effects<ClosePeer>().empty());
  deny("192.0.2.0/24");
  EXPECT_EQ(core_.effects<ClosePeer>().size(), 2U);
}

TEST_F(ChangedRulesTest, ConnectionsStayThatARuleAboutTheLocalFormAllows) {
  core_.space.set_address(IpFamily::v4,
                          testing::FakeAddress{testing::ip("10.0.0.5"), testing::ip("192.0.2.1")});
  allow("10.0.0.5");
  TcpClient client(core_);
  client.open();
  client.connect_well("10.0.0.5:22");
  deny("9.9.9.9");
  EXPECT_TRUE(core_.effects<ClosePeer>().empty());
  drop_rules();
  EXPECT_EQ(core_.effects<ClosePeer>().size(), 1U);
}

// It was another allocation's address when the rules changed, and anybody's when it answered.
TEST_F(ChangedRulesTest, ConnectsOnTheirWayAreHeldToTheNewRules) {
  allow("192.0.2.1");
  TcpClient client(core_);
  TcpClient other(core_, "8.8.4.4:5000", "bob", "hunter2");
  client.open();
  const Endpoint peer = other.open();
  EXPECT_FALSE(client.connect(peer.to_string()));
  const ConnectionRef ref = core_.effects<ConnectPeer>().at(0).connection;
  drop_rules();
  EXPECT_TRUE(core_.effects<ClosePeer>().empty());
  other.refresh(0);
  core_.peer_connected(ref, PeerConnect::connected);
  EXPECT_EQ(core_.to_client.at(0).error(), 447);
  EXPECT_EQ(core_.effects<ClosePeer>().size(), 1U);
}

}  // namespace
}  // namespace turnpike::turn
