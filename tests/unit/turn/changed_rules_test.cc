// What a change of the peer rules does to peers that were allowed before it.
#include "unit/turn/tcp_client.h"

namespace turnpike::turn {
namespace {

class ChangedRulesTest : public ::testing::Test {
 protected:
  void deny(std::string_view range) {
    PeerPolicySettings rules = core_.peer_settings;
    rules.rules.push_back({*IpRange::parse(range), RuleAction::deny});
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

}  // namespace
}  // namespace turnpike::turn
