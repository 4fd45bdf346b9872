// Peers that are relayed addresses of our own: delivered without the network.
#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::balance_of;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;
using testing::FakeAddress;
using testing::ip;

class InProcessTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kLocal = "10.0.0.5";
  static constexpr std::string_view kExternal = "8.8.4.4";

  explicit InProcessTest(PeerPolicySettings peers = own_addresses()) : core_({.peers = peers}) {
    core_.space.set_address(IpFamily::v4, FakeAddress{ip(kLocal), ip(kExternal)});
    alice_.allocate();
    bob_.allocate();
  }
  static PeerPolicySettings own_addresses() {
    return {.own_addresses = {ip(kLocal), ip(kExternal)}};
  }

  std::string relayed(CoreClient& client) { return client.relayed().to_string(); }
  std::string local(CoreClient& client) {
    return Endpoint{ip(kLocal), client.relayed().port}.to_string();
  }

  CoreDriver core_;
  CoreClient alice_{core_, "8.8.8.8:1"};
  CoreClient bob_{core_, "9.9.9.9:2", "bob", "hunter2"};
};

TEST_F(InProcessTest, DeliversBetweenTwoAllocationsWithoutAPacketToTheNetwork) {
  alice_.permit({relayed(bob_)});
  bob_.permit({relayed(alice_)});
  alice_.send(relayed(bob_), "hello");
  EXPECT_TRUE(core_.to_peer.empty());
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].client, bob_.route.tuple.client);
  EXPECT_EQ(core_.to_client[0].text(AttributeType::data), "hello");
  EXPECT_EQ(core_.to_client[0].address(AttributeType::xor_peer_address), alice_.relayed());
}

TEST_F(InProcessTest, CountsTheDatagramInBothSessions) {
  alice_.permit({relayed(bob_)});
  bob_.permit({relayed(alice_)});
  alice_.send(relayed(bob_), "hello");
  EXPECT_EQ(alice_.allocation()->from_client.bytes, 5U);
  EXPECT_EQ(bob_.allocation()->to_client.bytes, 5U);
  EXPECT_EQ(core_.count(&Counters::in_process_packets), 1U);
  EXPECT_EQ(core_.count(&Counters::relayed_to_peer_packets), 1U);
  EXPECT_EQ(core_.count(&Counters::relayed_to_client_packets), 1U);
  EXPECT_EQ(core_.count(&Counters::peer_packets), 0U);
}

TEST_F(InProcessTest, DeliversThroughChannelsOnBothSides) {
  alice_.bind(0x4000, relayed(bob_));
  bob_.bind(0x4abc, relayed(alice_));
  alice_.send_channel(0x4000, "hi");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].bytes, (testing::Bytes{0x4a, 0xbc, 0, 2, 'h', 'i'}));
}

TEST_F(InProcessTest, NeedsThePermissionOfTheSender) {
  bob_.permit({relayed(alice_)});
  alice_.send(relayed(bob_), "hello");
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_client_no_permission), 1U);
}

TEST_F(InProcessTest, NeedsThePermissionOfTheReceiver) {
  alice_.permit({relayed(bob_)});
  alice_.send(relayed(bob_), "hello");
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_peer_no_permission), 1U);
}

TEST_F(InProcessTest, KnowsARelayedAddressByItsLocalFormAndShowsTheExternalOne) {
  EXPECT_TRUE(alice_.permit({local(bob_)}).is(Class::success));
  EXPECT_TRUE(bob_.bind(0x4000, local(alice_)).is(Class::success));
  alice_.send(local(bob_), "hello");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].bytes[0], 0x40);
  bob_.send_channel(0x4000, "back");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].address(AttributeType::xor_peer_address), bob_.relayed());
}

TEST_F(InProcessTest, RefusesOwnAddressesWithoutALiveAllocation) {
  const auto port = static_cast<uint16_t>(bob_.relayed().port + 100);
  const std::string nobody = Endpoint{ip(kExternal), port}.to_string();
  EXPECT_EQ(alice_.permit({nobody}).error(), 403);
  EXPECT_EQ(alice_.bind(0x4000, nobody).error(), 403);
  EXPECT_EQ(alice_.permit({"8.8.4.4:3478"}).error(), 403);
  EXPECT_EQ(alice_.permit({"10.0.0.5:22"}).error(), 403);
}

TEST_F(InProcessTest, DoesNotReachOtherPortsThroughThePermission) {
  alice_.permit({relayed(bob_)});
  alice_.send("8.8.4.4:3478", "x");
  alice_.send("10.0.0.5:22", "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_local_peer_gone), 2U);
}

TEST_F(InProcessTest, DoesNotReachTheNetworkWhenTheOtherAllocationHasGone) {
  const std::string gone = relayed(bob_);
  alice_.permit({gone});
  alice_.bind(0x4000, gone);
  bob_.refresh(0);
  alice_.send(gone, "x");
  alice_.send_channel(0x4000, "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_local_peer_gone), 2U);
}

TEST_F(InProcessTest, DropsWhatTheExpiredAllocationWouldGet) {
  alice_.refresh(3600);
  core_.advance(seconds(599));
  alice_.permit({relayed(bob_)});
  bob_.permit({relayed(alice_)});
  core_.advance(seconds(1));
  alice_.send(relayed(bob_), "x");
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_peer_unknown_relay), 1U);
}

// A datagram from the network that claims to come from a relayed address of ours is forged.
TEST_F(InProcessTest, DropsForgedDatagramsFromTheNetwork) {
  alice_.permit({relayed(bob_)});
  core_.peer_packet(alice_.relayed(), bob_.relayed(), as_bytes("forged"));
  EXPECT_TRUE(core_.to_client.empty());
  alice_.bind(0x4000, relayed(bob_));
  core_.peer_packet(alice_.relayed(), bob_.relayed(), as_bytes("forged"));
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_peer_no_permission), 2U);
}

TEST_F(InProcessTest, MaySendToItself) {
  alice_.bind(0x4000, relayed(alice_));
  alice_.send_channel(0x4000, "echo");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].client, alice_.route.tuple.client);
}

// However the permissions are laid, one datagram in is at most one datagram out.
TEST_F(InProcessTest, NeverPassesADatagramOnToAThirdAllocation) {
  CoreClient carol(core_, "1.1.1.1:3");
  carol.allocate();
  for (CoreClient* client : {&alice_, &bob_, &carol}) {
    client->permit({relayed(alice_), relayed(bob_), relayed(carol)});
  }
  alice_.send(relayed(bob_), "x");
  EXPECT_EQ(core_.to_client.size(), 1U);
  EXPECT_TRUE(core_.to_peer.empty());
}

class DeniedRelayTest : public InProcessTest {
 protected:
  explicit DeniedRelayTest(std::string_view range = "8.8.4.4")
      : InProcessTest({.rules = {{*IpRange::parse(range), RuleAction::deny}},
                       .own_addresses = {ip(kLocal), ip(kExternal)}}) {}
};

TEST_F(DeniedRelayTest, IsBeatenByDeniedPeerIp) {
  EXPECT_EQ(alice_.permit({relayed(bob_)}).error(), 403);
  EXPECT_EQ(core_.effects<PeerRefused>().at(0).reason, PeerReason::denied_by_rule);
}

TEST_F(DeniedRelayTest, IsBeatenInTheLocalFormToo) {
  EXPECT_EQ(alice_.permit({local(bob_)}).error(), 403);
}

class DeniedRangeTest : public DeniedRelayTest {
 protected:
  DeniedRangeTest() : DeniedRelayTest("8.0.0.0/8") {}
};

// The rule that our own address is refused is narrower than the operator's range, but it is the
// operator who decides about the exception from it.
TEST_F(DeniedRangeTest, IsBeatenByARangeAroundTheRelayedAddress) {
  EXPECT_EQ(alice_.permit({relayed(bob_)}).error(), 403);
  EXPECT_EQ(core_.effects<PeerRefused>().at(0).reason, PeerReason::denied_by_rule);
}

class AllowedOwnAddressTest : public InProcessTest {
 protected:
  AllowedOwnAddressTest()
      : InProcessTest({.rules = {{*IpRange::parse("8.8.4.4"), RuleAction::allow}},
                       .own_addresses = {ip(kLocal), ip(kExternal)}}) {}
};

TEST_F(AllowedOwnAddressTest, ReachesAServiceBesideUsThroughTheNetwork) {
  EXPECT_TRUE(alice_.permit({"8.8.4.4:53"}).is(Class::success));
  alice_.send("8.8.4.4:53", "x");
  EXPECT_EQ(core_.to_peer.size(), 1U);
  core_.peer_packet(alice_.relayed(), endpoint("8.8.4.4:53"), as_bytes("y"));
  EXPECT_EQ(core_.to_client.size(), 1U);
}

TEST_F(AllowedOwnAddressTest, StillDeliversToAllocationsInProcess) {
  alice_.permit({relayed(bob_)});
  bob_.permit({relayed(alice_)});
  alice_.send(relayed(bob_), "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.to_client.size(), 1U);
}

// Two workers: what the one sends to the other's allocation goes by mail.
class TwoWorkersTest : public ::testing::Test {
 protected:
  TwoWorkersTest() {
    space_.set_address(IpFamily::v4, FakeAddress{ip("8.8.4.4"), ip("8.8.4.4")});
    alice_.allocate();
    bob_.allocate();
  }
  CoreDriver::Options options(uint32_t worker) {
    return {.peers = {.own_addresses = {ip("8.8.4.4")}},
            .seed = worker + 1,
            .worker = worker,
            .space = &space_,
            .directory = &directory_,
            .quota = &quota_};
  }
  // Carries the letters of one worker to the other.
  void carry(CoreDriver& from, CoreDriver& to) {
    to.out.clear();
    for (const ToWorker& letter : from.out.to_worker) {
      ++carried_;
      to.server->on_handed_over(to.now, letter.relay, letter.source, letter.payload, to.out);
    }
  }

  testing::FakePortSpace space_;
  RelayDirectory directory_;
  auth::QuotaLedger quota_;
  CoreDriver first_{options(0)};
  CoreDriver second_{options(1)};
  CoreClient alice_{first_, "8.8.8.8:1"};
  CoreClient bob_{second_, "9.9.9.9:2", "bob", "hunter2"};
  uint64_t carried_ = 0;
};

TEST_F(TwoWorkersTest, MailTheDatagramToTheOwner) {
  alice_.permit({bob_.relayed().to_string()});
  bob_.permit({alice_.relayed().to_string()});
  alice_.send(bob_.relayed().to_string(), "hello");
  ASSERT_EQ(first_.out.to_worker.size(), 1U);
  EXPECT_TRUE(first_.to_client.empty());
  EXPECT_TRUE(first_.to_peer.empty());
  EXPECT_EQ(first_.out.to_worker[0].worker, 1U);
  EXPECT_EQ(first_.out.to_worker[0].source, alice_.relayed());
  carry(first_, second_);
  ASSERT_EQ(second_.out.to_client.size(), 1U);
  EXPECT_EQ(second_.out.to_client[0].client, bob_.route.tuple.client);
  EXPECT_EQ(balance_of(first_.server->counters(), 0, 0, 1), testing::Balance());
  EXPECT_EQ(balance_of(second_.server->counters(), 0, 1, 0), testing::Balance());
}

TEST_F(TwoWorkersTest, AskForThePermissionOfTheReceiver) {
  alice_.permit({bob_.relayed().to_string()});
  alice_.send(bob_.relayed().to_string(), "hello");
  carry(first_, second_);
  EXPECT_TRUE(second_.out.to_client.empty());
  EXPECT_EQ(second_.count(&Counters::drop_peer_no_permission), 1U);
}

TEST_F(TwoWorkersTest, DropALetterForAnAllocationThatEndedMeanwhile) {
  alice_.permit({bob_.relayed().to_string()});
  bob_.permit({alice_.relayed().to_string()});
  alice_.send(bob_.relayed().to_string(), "hello");
  bob_.refresh(0);
  carry(first_, second_);
  EXPECT_TRUE(second_.out.to_client.empty());
  EXPECT_EQ(second_.count(&Counters::drop_peer_unknown_relay), 1U);
}

TEST_F(TwoWorkersTest, ShareTheQuota) {
  EXPECT_EQ(quota_.total(), 2U);
  auto settings = second_.settings;
  settings.quota = {1, 0};
  second_.use_settings(settings);
  CoreClient again(second_, "7.7.7.7:1");
  EXPECT_EQ(again.allocate().error(), 486);
}

TEST_F(TwoWorkersTest, ShareReservations) {
  CoreClient reserving(first_, "7.7.7.7:1");
  CoreClient claiming(second_, "7.7.7.8:1");
  const testing::Received answer = reserving.allocate([](auto& b) { b.add_even_port(true); });
  EXPECT_TRUE(claiming
                  .allocate([&](auto& b) {
                    b.add(AttributeType::reservation_token,
                          *answer.view().find(AttributeType::reservation_token));
                  })
                  .is(Class::success));
  EXPECT_EQ(claiming.relayed().port, reserving.relayed().port + 1);
  // And it is reached where it lives now.
  alice_.permit({claiming.relayed().to_string()});
  alice_.send(claiming.relayed().to_string(), "x");
  ASSERT_EQ(first_.out.to_worker.size(), 1U);
  EXPECT_EQ(first_.out.to_worker[0].worker, 1U);
}

}  // namespace
}  // namespace turnpike::turn
