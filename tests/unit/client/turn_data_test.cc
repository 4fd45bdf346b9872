#include <algorithm>

#include <gtest/gtest.h>

#include "conversation.h"
#include "stun/channel_data.h"
#include "support/allocation_guard.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;

const Bytes kPayload = {1, 2, 3, 4, 5};

Bytes data_indication(const Endpoint& peer, const Bytes& payload) {
  return testing::make_message(Method::data, Class::indication, testing::transaction(9),
                               [&](stun::MessageBuilder& builder) {
                                 builder.add_xor_address(AttributeType::xor_peer_address, peer);
                                 builder.add(AttributeType::data, payload);
                               });
}

Bytes channel_data(uint16_t number, const Bytes& payload) {
  const auto header = stun::channel_header(number, payload.size());
  Bytes packet(header.size() + payload.size());
  std::copy(payload.begin(), payload.end(),
            std::copy(header.begin(), header.end(), packet.begin()));
  return packet;
}

TEST(TurnData, GoesInASendIndicationWithoutChannel) {
  Conversation c;
  c.have_allocation();
  c.have_permission(kPeer.ip);
  c.session.send(kPeer, kPayload, c.out);
  const Bytes packet = c.only_sent();
  const auto view = testing::parsed(packet);
  EXPECT_EQ(view.method(), Method::send);
  EXPECT_EQ(view.message_class(), Class::indication);
  EXPECT_EQ(
      stun::decode_xor_address(*view.find(AttributeType::xor_peer_address), view.transaction_id()),
      kPeer);
  EXPECT_EQ(text_of(packet, AttributeType::data), as_text(kPayload));
  EXPECT_FALSE(view.has(AttributeType::dont_fragment));
}

TEST(TurnData, SendIndicationMayForbidFragments) {
  Conversation c;
  c.have_allocation();
  c.session.send_indication(kPeer, kPayload, Fragmentation::forbidden, c.out);
  EXPECT_TRUE(has(c.only_sent(), AttributeType::dont_fragment));
}

TEST(TurnData, GoesThroughTheChannelOnceItIsBound) {
  Conversation c;
  c.have_allocation();
  c.have_channel(0x4001, kPeer);
  c.session.send(kPeer, kPayload, c.out);
  EXPECT_EQ(c.only_sent(), channel_data(0x4001, kPayload));
}

TEST(TurnData, ChannelDataIsPaddedOnStreams) {
  SessionSettings settings = settings_of_alice();
  settings.delivery = stun::Delivery::reliable;
  Conversation c(settings);
  c.have_allocation();
  c.have_channel(0x4001, kPeer);
  c.session.send(kPeer, kPayload, c.out);
  Bytes expected = channel_data(0x4001, kPayload);
  expected.resize(12);
  EXPECT_EQ(c.only_sent(), expected);
}

TEST(TurnData, ArrivesThroughTheChannel) {
  Conversation c;
  c.have_allocation();
  c.have_channel(0x4001, kPeer);
  const Bytes packet = channel_data(0x4001, kPayload);
  EXPECT_TRUE(c.deliver(packet));
  const auto data = c.event<PeerDataView>();
  ASSERT_TRUE(data);
  EXPECT_EQ(data->peer, kPeer);
  EXPECT_EQ(data->channel, 0x4001);
  EXPECT_EQ(as_text(data->payload), as_text(kPayload));
}

TEST(TurnData, OfAnUnknownChannelIsIgnored) {
  Conversation c;
  c.have_allocation();
  c.have_channel(0x4001, kPeer);
  EXPECT_FALSE(c.deliver(channel_data(0x4002, kPayload)));
  EXPECT_TRUE(c.out.events().empty());
}

TEST(TurnData, ArrivesInADataIndication) {
  Conversation c;
  c.have_allocation();
  c.have_permission(kPeer.ip);
  const Bytes packet = data_indication(kPeer, kPayload);
  EXPECT_TRUE(c.deliver(packet));
  const auto data = c.event<PeerDataView>();
  ASSERT_TRUE(data);
  EXPECT_EQ(data->peer, kPeer);
  EXPECT_EQ(data->channel, 0);
  EXPECT_EQ(as_text(data->payload), as_text(kPayload));
}

TEST(TurnData, OfAPeerWithoutPermissionIsIgnored) {
  Conversation c;
  c.have_allocation();
  EXPECT_FALSE(c.deliver(data_indication(kPeer, kPayload)));
  EXPECT_TRUE(c.out.events().empty());
}

// RFC 8489 section 6.3.2.
TEST(TurnData, WithAnUnknownRequiredAttributeIsIgnored) {
  Conversation c;
  c.have_allocation();
  c.have_permission(kPeer.ip);
  for (const bool required : {true, false}) {
    const Bytes packet = testing::make_message(
        Method::data, Class::indication, testing::transaction(9),
        [required](stun::MessageBuilder& builder) {
          builder.add_xor_address(AttributeType::xor_peer_address, kPeer);
          builder.add(AttributeType::data, kPayload);
          builder.add_u32(static_cast<AttributeType>(required ? 0x7ff0 : 0xfff0), 0);
        });
    EXPECT_EQ(c.deliver(packet), !required);
    EXPECT_EQ(c.event<PeerDataView>().has_value(), !required);
  }
}

TEST(TurnData, IcmpErrorsAreTold) {
  Conversation c;
  c.have_allocation();
  c.have_permission(kPeer.ip);
  EXPECT_TRUE(c.deliver(testing::make_message(
      Method::data, Class::indication, testing::transaction(9), [](stun::MessageBuilder& builder) {
        builder.add_xor_address(AttributeType::xor_peer_address, kPeer);
        builder.add_icmp({.type = 3, .code = 3, .error_data = 0});
      })));
  const auto unreachable = c.event<PeerUnreachable>();
  ASSERT_TRUE(unreachable);
  EXPECT_EQ(unreachable->peer, kPeer);
  EXPECT_EQ(unreachable->icmp.type, 3);
  EXPECT_EQ(unreachable->icmp.code, 3);
}

TEST(TurnData, EmptyPayloadIsAPayload) {
  Conversation c;
  c.have_allocation();
  c.have_permission(kPeer.ip);
  EXPECT_TRUE(c.deliver(data_indication(kPeer, {})));
  ASSERT_TRUE(c.event<PeerDataView>());
  EXPECT_TRUE(c.event<PeerDataView>()->payload.empty());
}

TEST(TurnData, AllocatesNothingPerPacketOnceWarm) {
  Conversation c;
  c.have_allocation();
  c.have_channel(0x4001, kPeer);
  const Bytes incoming = channel_data(0x4001, kPayload);
  const auto round = [&] {
    c.out.clear();
    c.session.send(kPeer, kPayload, c.out);
    c.session.on_packet(c.now, incoming, c.out);
  };
  round();
  const testing::AllocationGuard guard;
  for (int i = 0; i < 100; ++i) round();
  EXPECT_EQ(guard.news(), 0u);
}

}  // namespace
}  // namespace turnpike::client
