// The data path: ChannelData in, peer datagrams out to the client. RFC 8656 sections 11.3, 12.4-7.
#include <gtest/gtest.h>

#include "stun/channel_data.h"
#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AddressFamily;
using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

constexpr std::string_view kPeer6 = "[2607:f8b0::1]:1000";

class RelayPathTest : public ::testing::Test {
 protected:
  explicit RelayPathTest(Transport transport = Transport::udp)
      : client_(core_, "8.8.8.8:40000", "alice", "secret", transport) {
    client_.allocate([](auto& b) {
      b.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
    });
    client_.refresh(3600);
  }

  void from_peer(std::string_view peer, ByteView payload) {
    const size_t which = endpoint(peer).ip.is_v4() ? 0 : 1;
    core_.peer_packet(client_.allocation()->relays[which].external(), endpoint(peer), payload);
  }
  void from_peer(std::string_view peer, std::string_view payload) {
    from_peer(peer, as_bytes(payload));
  }

  CoreDriver core_;
  CoreClient client_;
};

class RelayPathOverTcpTest : public RelayPathTest {
 protected:
  RelayPathOverTcpTest() : RelayPathTest(Transport::tcp) {}
};

TEST_F(RelayPathTest, RelaysChannelDataToItsPeer) {
  client_.bind(0x4001, kPeer);
  client_.send_channel(0x4001, "hello");
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(as_text(core_.to_peer[0].payload), "hello");
  EXPECT_EQ(core_.to_peer[0].peer, endpoint(kPeer));
  EXPECT_EQ(core_.to_peer[0].relay, *core_.ports.find(client_.relayed()));
  EXPECT_EQ(core_.to_peer[0].fragmenting, Fragmenting::allowed);
}

TEST_F(RelayPathTest, ChoosesTheRelayedAddressOfThePeersFamily) {
  client_.bind(0x4001, kPeer6);
  client_.send_channel(0x4001, "hello");
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(core_.ports.external_of(core_.to_peer[0].relay)->ip.family(), IpFamily::v6);
}

TEST_F(RelayPathTest, RelaysEmptyChannelData) {
  client_.bind(0x4001, kPeer);
  client_.send_channel(0x4001, "");
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_TRUE(core_.to_peer[0].payload.empty());
}

TEST_F(RelayPathTest, LeavesThePaddingOfADatagramOut) {
  client_.bind(0x4001, kPeer);
  const Bytes padded = {0x40, 0x01, 0, 1, 'x', 0, 0, 0};
  core_.client_packet(client_.route, padded);
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(as_text(core_.to_peer[0].payload), "x");
}

TEST_F(RelayPathTest, DropsChannelDataThatIsCut) {
  client_.bind(0x4001, kPeer);
  const Bytes cut = {0x40, 0x01, 0, 5, 'x', 'y', 'z', 'a'};
  core_.client_packet(client_.route, cut);
  core_.client_packet(client_.route, ByteView(cut).first(3));
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_malformed), 2U);
}

TEST_F(RelayPathTest, DropsChannelDataOnAnUnboundChannel) {
  client_.bind(0x4001, kPeer);
  client_.send_channel(0x4002, "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_no_channel), 1U);
}

TEST_F(RelayPathTest, DropsChannelDataOfAStranger) {
  CoreClient stranger(core_, "8.8.8.8:40001");
  stranger.send_channel(0x4001, "x");
  EXPECT_EQ(core_.count(&Counters::drop_no_allocation), 1U);
}

TEST_F(RelayPathTest, DropsChannelDataWhenThePermissionHasExpired) {
  client_.bind(0x4001, kPeer);
  core_.advance(seconds(300));
  client_.send_channel(0x4001, "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_no_channel), 1U);
}

TEST_F(RelayPathTest, DropsChannelDataWhenTheBindingHasExpired) {
  client_.bind(0x4001, kPeer);
  core_.advance(seconds(299));
  client_.permit({kPeer});
  core_.advance(seconds(299));
  client_.permit({kPeer});
  core_.advance(seconds(2));
  client_.send_channel(0x4001, "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_no_channel), 1U);
}

TEST_F(RelayPathTest, DropsChannelDataWhenTheAllocationHasExpired) {
  client_.refresh(600);
  core_.advance(seconds(599));
  client_.bind(0x4001, kPeer);
  core_.advance(seconds(1));
  client_.send_channel(0x4001, "x");
  EXPECT_EQ(core_.count(&Counters::drop_no_allocation), 1U);
}

TEST_F(RelayPathTest, BringsAPeersDatagramThroughItsChannel) {
  client_.bind(0x4001, kPeer);
  from_peer(kPeer, "hi");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].bytes, (Bytes{0x40, 0x01, 0, 2, 'h', 'i'}));
  EXPECT_EQ(core_.to_client[0].client, client_.route.tuple.client);
  EXPECT_EQ(core_.to_client[0].precious, Precious::no);
  EXPECT_EQ(core_.count(&Counters::relayed_to_client_bytes), 2U);
}

TEST_F(RelayPathTest, BringsADatagramOfAnotherPortAsAnIndication) {
  client_.bind(0x4001, kPeer);
  from_peer("9.9.9.9:1001", "hi");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].view().method(), Method::data);
}

TEST_F(RelayPathTest, BringsIndicationsThatParseBackByteForByte) {
  client_.permit({kPeer, kPeer6});
  for (const std::string_view peer : {kPeer, kPeer6}) {
    for (size_t size = 0; size < 9; ++size) {
      const Bytes payload(size, 0xab);
      from_peer(peer, payload);
      ASSERT_EQ(core_.to_client.size(), 1U);
      const testing::Received& got = core_.to_client[0];
      EXPECT_EQ(got.view().method(), Method::data);
      EXPECT_TRUE(got.is(Class::indication));
      EXPECT_EQ(got.address(AttributeType::xor_peer_address), endpoint(peer));
      EXPECT_EQ(got.text(AttributeType::data), as_text(payload));
      EXPECT_EQ(got.bytes.size() % 4, 0U);
      for (size_t i = size; i % 4 != 0; ++i) {
        EXPECT_EQ(got.bytes[got.bytes.size() - 1 - (i - size)], 0);
      }
    }
  }
}

TEST_F(RelayPathTest, BringsIndicationsWithDifferentTransactionIds) {
  client_.permit({kPeer});
  from_peer(kPeer, "a");
  const auto first = core_.to_client[0].view().transaction_id();
  from_peer(kPeer, "a");
  EXPECT_NE(core_.to_client[0].view().transaction_id(), first);
}

TEST_F(RelayPathTest, DropsADatagramWithoutAPermission) {
  client_.permit({kPeer});
  from_peer("9.9.9.10:1000", "x");
  EXPECT_TRUE(core_.to_client.empty());
  core_.advance(seconds(300));
  from_peer(kPeer, "x");
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_peer_no_permission), 2U);
}

TEST_F(RelayPathTest, FallsBackToIndicationsWhenOnlyTheBindingHasExpired) {
  client_.bind(0x4001, kPeer);
  core_.advance(seconds(299));
  client_.permit({kPeer});
  core_.advance(seconds(299));
  client_.permit({kPeer});
  core_.advance(seconds(2));
  from_peer(kPeer, "x");
  ASSERT_EQ(core_.to_client.size(), 1U);
  EXPECT_EQ(core_.to_client[0].view().method(), Method::data);
}

TEST_F(RelayPathTest, DropsADatagramForAnAllocationThatIsGone) {
  client_.permit({kPeer});
  const RelayId relay = *core_.ports.find(client_.relayed());
  client_.refresh(0);
  core_.peer_packet(relay, endpoint(kPeer), as_bytes("x"));
  EXPECT_EQ(core_.count(&Counters::drop_peer_unknown_relay), 1U);
  // The next one on the same socket number is another allocation's.
  client_.allocate();
  core_.peer_packet(relay, endpoint(kPeer), as_bytes("x"));
  EXPECT_EQ(core_.count(&Counters::drop_peer_unknown_relay), 2U);
  core_.peer_packet(RelayId{}, endpoint(kPeer), as_bytes("x"));
  EXPECT_EQ(core_.count(&Counters::drop_peer_unknown_relay), 3U);
}

TEST_F(RelayPathTest, DropsADatagramForAnExpiredAllocation) {
  client_.refresh(600);
  core_.advance(seconds(599));
  client_.permit({kPeer});
  core_.advance(seconds(1));
  from_peer(kPeer, "x");
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_peer_unknown_relay), 1U);
}

TEST_F(RelayPathTest, BringsTheLargestDatagramWholeAndDropsALargerOne) {
  client_.permit({kPeer, kPeer6});
  const Bytes largest(kMaxRelayedPayload, 0x55);
  for (const std::string_view peer : {kPeer, kPeer6}) {
    from_peer(peer, largest);
    ASSERT_EQ(core_.to_client.size(), 1U);
    EXPECT_EQ(core_.to_client[0].text(AttributeType::data), as_text(largest));
  }
  from_peer(kPeer, Bytes(kMaxRelayedPayload + 1, 0x55));
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_oversize), 1U);
}

TEST_F(RelayPathTest, CountsDropsWhenTheOutboxIsFull) {
  client_.bind(0x4001, kPeer);
  core_.out.clear();
  while (!core_.out.claim(3).empty()) {
  }
  const RelayId relay = *core_.ports.find(client_.relayed());
  core_.server->on_peer_packet(core_.now, relay, endpoint(kPeer), as_bytes("x"), core_.out);
  EXPECT_TRUE(core_.out.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_outbox_full), 1U);
  EXPECT_EQ(core_.count(&Counters::relayed_to_client_packets), 0U);
}

TEST_F(RelayPathOverTcpTest, PadsChannelDataWithZeros) {
  client_.bind(0x4001, kPeer);
  for (size_t size = 0; size < 9; ++size) {
    from_peer(kPeer, Bytes(size, 0xee));
    ASSERT_EQ(core_.to_client.size(), 1U);
    const Bytes& bytes = core_.to_client[0].bytes;
    EXPECT_EQ(bytes.size() % 4, 0U);
    EXPECT_EQ(bytes[3], size);  // The length field does not count the padding.
    for (size_t i = 4; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], i < 4 + size ? 0xee : 0);
  }
}

TEST_F(RelayPathTest, DoesNotPadChannelDataOverUdp) {
  client_.bind(0x4001, kPeer);
  from_peer(kPeer, "abc");
  EXPECT_EQ(core_.to_client[0].bytes.size(), 7U);
}

}  // namespace
}  // namespace turnpike::turn
