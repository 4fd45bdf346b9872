// RFC 8656 section 11.2.
#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::MessageBuilder;
using stun::Method;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

class SendTest : public ::testing::Test {
 protected:
  SendTest() {
    client_.allocate();
    client_.permit({kPeer});
  }
  void indicate(const testing::AddAttributes& add) {
    core_.client_packet(client_.route, testing::make_message(Method::send, Class::indication,
                                                             testing::transaction(9), add));
  }
  CoreDriver core_;
  CoreClient client_{core_, "8.8.8.8:40000"};
};

TEST_F(SendTest, RelaysTheDataFromTheRelayedAddress) {
  client_.send(kPeer, "hello");
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(as_text(core_.to_peer[0].payload), "hello");
  EXPECT_EQ(core_.to_peer[0].peer, endpoint(kPeer));
  EXPECT_EQ(core_.to_peer[0].relay, *core_.ports.find(client_.relayed()));
  EXPECT_EQ(core_.to_peer[0].fragmenting, Fragmenting::allowed);
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::relayed_to_peer_bytes), 5U);
}

TEST_F(SendTest, RelaysToAnyPortOfAPermittedAddress) {
  client_.send("9.9.9.9:2000", "x");
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(core_.to_peer[0].peer.port, 2000);
}

TEST_F(SendTest, RelaysEmptyData) {
  client_.send(kPeer, "");
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_TRUE(core_.to_peer[0].payload.empty());
}

TEST_F(SendTest, MarksADatagramThatMustNotBeFragmented) {
  client_.send(kPeer, "x", [](auto& b) { b.add_empty(AttributeType::dont_fragment); });
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(core_.to_peer[0].fragmenting, Fragmenting::forbidden);
  client_.send(kPeer, "x");
  EXPECT_EQ(core_.to_peer[0].fragmenting, Fragmenting::allowed);
}

TEST_F(SendTest, IsDroppedWithoutAnAllocation) {
  CoreClient stranger(core_, "8.8.8.8:40001");
  stranger.send(kPeer, "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_TRUE(core_.to_client.empty());
  EXPECT_EQ(core_.count(&Counters::drop_no_allocation), 1U);
}

TEST_F(SendTest, IsDroppedWhenTheAllocationHasExpired) {
  client_.refresh(600);
  core_.advance(seconds(299));
  client_.permit({kPeer});
  core_.advance(seconds(299));
  client_.permit({kPeer});
  core_.advance(seconds(2));
  client_.send(kPeer, "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_no_allocation), 1U);
}

TEST_F(SendTest, IsDroppedWithoutAPermission) {
  client_.send("9.9.9.10:1000", "x");
  EXPECT_TRUE(core_.to_peer.empty());
  core_.advance(seconds(300));
  client_.send(kPeer, "x");
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_client_no_permission), 2U);
}

TEST_F(SendTest, IsDroppedWithoutPeerOrData) {
  indicate([](auto& b) { b.add(AttributeType::data, "x"); });
  indicate([](auto& b) { b.add_xor_address(AttributeType::xor_peer_address, endpoint(kPeer)); });
  indicate([](auto& b) {
    b.add_u32(AttributeType::xor_peer_address, 1);
    b.add(AttributeType::data, "x");
  });
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_bad_indication), 3U);
}

TEST_F(SendTest, IsDroppedWithAnUnknownRequiredAttribute) {
  for (const uint16_t type : {uint16_t{0x7ff0}, uint16_t{0x0003}, uint16_t{0x0026}}) {
    client_.send(kPeer, "x", [&](auto& b) { b.add_u32(static_cast<AttributeType>(type), 0); });
    EXPECT_TRUE(core_.to_peer.empty()) << type;
  }
  EXPECT_EQ(core_.count(&Counters::drop_bad_indication), 3U);
}

TEST_F(SendTest, IgnoresAnUnknownOptionalAttribute) {
  client_.send(kPeer, "x", [](auto& b) { b.add_u32(static_cast<AttributeType>(0xfff0), 0); });
  EXPECT_EQ(core_.to_peer.size(), 1U);
}

// RFC 8489 section 6.3: what is known but has no business here is ignored.
TEST_F(SendTest, IgnoresKnownAttributesThatAreNotExpected) {
  client_.send(kPeer, "x", [](auto& b) {
    b.add(AttributeType::username, "alice");
    b.add_u32(AttributeType::lifetime, 0);
  });
  EXPECT_EQ(core_.to_peer.size(), 1U);
}

TEST_F(SendTest, TakesTheFirstOfRepeatedAttributes) {
  indicate([](auto& b) {
    b.add_xor_address(AttributeType::xor_peer_address, endpoint(kPeer));
    b.add_xor_address(AttributeType::xor_peer_address, endpoint("9.9.9.9:2"));
    b.add(AttributeType::data, "first");
    b.add(AttributeType::data, "second");
  });
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(core_.to_peer[0].peer, endpoint(kPeer));
  EXPECT_EQ(as_text(core_.to_peer[0].payload), "first");
}

TEST_F(SendTest, GetsAnAnswerNeverNotEvenAnError) {
  indicate({});
  EXPECT_TRUE(core_.to_client.empty());
}

TEST_F(SendTest, IsDroppedForAFamilyThatTheAllocationHasNot) {
  client_.send("[2607:f8b0::1]:1", "x");
  EXPECT_TRUE(core_.to_peer.empty());
}

TEST_F(SendTest, CannotReachMoreThanAMessageCarries) {
  // A DATA attribute that claims more bytes than the message has is not a message at all.
  Bytes packet =
      testing::make_message(Method::send, Class::indication, testing::transaction(9), [](auto& b) {
        b.add_xor_address(AttributeType::xor_peer_address, endpoint(kPeer));
        b.add(AttributeType::data, "abcd");
      });
  packet[packet.size() - 5] = 200;
  core_.client_packet(client_.route, packet);
  EXPECT_TRUE(core_.to_peer.empty());
  EXPECT_EQ(core_.count(&Counters::drop_malformed), 1U);
}

}  // namespace
}  // namespace turnpike::turn
