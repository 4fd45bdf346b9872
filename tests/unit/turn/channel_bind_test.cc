// RFC 8656 section 12.2.
#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

class ChannelBindTest : public ::testing::Test {
 protected:
  ChannelBindTest() { client_.allocate(); }
  CoreDriver core_;
  CoreClient client_{core_, kHome};
};

TEST_F(ChannelBindTest, NeedsAnAllocationAndItsOwner) {
  CoreClient stranger(core_, "9.9.9.9:1");
  EXPECT_EQ(stranger.bind(0x4000, "9.9.9.9:1").error(), 437);
  CoreClient bob(core_, kHome, "bob", "hunter2");
  EXPECT_EQ(bob.bind(0x4000, "9.9.9.9:1").error(), 441);
}

TEST_F(ChannelBindTest, NeedsNumberAndPeer) {
  EXPECT_EQ(
      client_.request(Method::channel_bind, [](auto& b) { b.add_channel_number(0x4000); }).error(),
      400);
  EXPECT_EQ(client_
                .request(Method::channel_bind,
                         [](auto& b) {
                           b.add_xor_address(AttributeType::xor_peer_address,
                                             endpoint("9.9.9.9:1"));
                         })
                .error(),
            400);
  EXPECT_EQ(client_
                .request(Method::channel_bind,
                         [](auto& b) {
                           b.add(AttributeType::channel_number, "\x40");
                           b.add_xor_address(AttributeType::xor_peer_address,
                                             endpoint("9.9.9.9:1"));
                         })
                .error(),
            400);
  EXPECT_EQ(client_
                .request(Method::channel_bind,
                         [](auto& b) {
                           b.add_channel_number(0x4000);
                           b.add_u32(AttributeType::xor_peer_address, 0);
                         })
                .error(),
            400);
}

TEST_F(ChannelBindTest, TakesTheNumbersOfTheRangeThatIsSet) {
  struct Case {
    uint16_t number;
    uint16_t wide;
    uint16_t narrow;
  };
  const Case cases[] = {{0x0000, 400, 400}, {0x3fff, 400, 400}, {0x4000, 0, 0},
                        {0x4fff, 0, 0},     {0x5000, 0, 400},   {0x7ffe, 0, 400},
                        {0x7fff, 0, 400},   {0x8000, 400, 400}, {0xffff, 400, 400}};
  uint16_t port = 1;
  for (const bool wide : {true, false}) {
    core_.settings.wide_channel_numbers = wide;
    core_.use_settings(core_.settings);
    for (const Case& c : cases) {
      CoreClient client(core_, "8.8.8.8:" + std::to_string(port++));
      client.allocate();
      EXPECT_EQ(client.bind(c.number, "9.9.9.9:1").error(), wide ? c.wide : c.narrow)
          << std::hex << c.number << (wide ? " wide" : " narrow");
    }
  }
}

TEST_F(ChannelBindTest, BindsAndInstallsThePermission) {
  EXPECT_TRUE(client_.bind(0x4000, "9.9.9.9:1").is(Class::success));
  EXPECT_NE(client_.allocation()->permissions.find(testing::ip("9.9.9.9"), core_.now.mono),
            nullptr);
  EXPECT_EQ(client_.allocation()->channels.size(), 1U);
}

TEST_F(ChannelBindTest, MayBeRepeated) {
  client_.bind(0x4000, "9.9.9.9:1");
  EXPECT_TRUE(client_.repeat().is(Class::success));
  EXPECT_TRUE(client_.bind(0x4000, "9.9.9.9:1").is(Class::success));
  EXPECT_EQ(client_.allocation()->channels.size(), 1U);
}

TEST_F(ChannelBindTest, DoesNotBindANumberToASecondPeer) {
  client_.bind(0x4000, "9.9.9.9:1");
  EXPECT_EQ(client_.bind(0x4000, "9.9.9.9:2").error(), 400);
  EXPECT_EQ(client_.bind(0x4000, "9.9.9.10:1").error(), 400);
}

TEST_F(ChannelBindTest, DoesNotBindAPeerToASecondNumber) {
  client_.bind(0x4000, "9.9.9.9:1");
  EXPECT_EQ(client_.bind(0x4001, "9.9.9.9:1").error(), 400);
  EXPECT_TRUE(client_.bind(0x4001, "9.9.9.9:2").is(Class::success));
}

TEST_F(ChannelBindTest, FreesNumberAndPeerAfterTenMinutes) {
  client_.allocate();
  client_.refresh(3600);
  client_.bind(0x4000, "9.9.9.9:1");
  core_.advance(seconds(600) - Duration(1));
  EXPECT_EQ(client_.bind(0x4001, "9.9.9.9:1").error(), 400);
  core_.advance(Duration(1));
  client_.learn_nonce();
  EXPECT_TRUE(client_.bind(0x4001, "9.9.9.9:1").is(Class::success));
  EXPECT_TRUE(client_.bind(0x4000, "9.9.9.9:2").is(Class::success));
  client_.send_channel(0x4000, "x");
  ASSERT_EQ(core_.to_peer.size(), 1U);
  EXPECT_EQ(core_.to_peer[0].peer, endpoint("9.9.9.9:2"));
}

TEST_F(ChannelBindTest, RefreshesBindingAndPermission) {
  client_.refresh(3600);
  client_.bind(0x4000, "9.9.9.9:1");
  core_.advance(seconds(290));
  client_.bind(0x4000, "9.9.9.9:1");
  core_.advance(seconds(299));
  client_.send_channel(0x4000, "x");
  EXPECT_EQ(core_.to_peer.size(), 1U);
}

TEST_F(ChannelBindTest, RefusesForbiddenPeersAndOtherFamilies) {
  EXPECT_EQ(client_.bind(0x4000, "10.0.0.1:1").error(), 403);
  EXPECT_EQ(client_.bind(0x4000, "[2607:f8b0::1]:1").error(), 443);
  EXPECT_EQ(client_.allocation()->channels.size(), 0U);
  EXPECT_EQ(client_.allocation()->permissions.size(), 0U);
}

TEST_F(ChannelBindTest, StopsAtTheCap) {
  core_.settings.max_channels = 2;
  core_.use_settings(core_.settings);
  EXPECT_TRUE(client_.bind(0x4000, "9.9.9.9:1").is(Class::success));
  EXPECT_TRUE(client_.bind(0x4001, "9.9.9.9:2").is(Class::success));
  EXPECT_EQ(client_.bind(0x4002, "9.9.9.9:3").error(), 508);
  EXPECT_EQ(core_.count(&Counters::channel_cap), 1U);
  EXPECT_TRUE(client_.bind(0x4001, "9.9.9.9:2").is(Class::success));
}

TEST_F(ChannelBindTest, StopsAtTheCapOfPermissionsAndBindsNothing) {
  core_.settings.max_permissions = 1;
  core_.use_settings(core_.settings);
  EXPECT_TRUE(client_.bind(0x4000, "9.9.9.9:1").is(Class::success));
  EXPECT_TRUE(client_.bind(0x4001, "9.9.9.9:2").is(Class::success));
  EXPECT_EQ(client_.bind(0x4002, "9.9.9.10:1").error(), 508);
  EXPECT_EQ(client_.allocation()->channels.size(), 2U);
}

}  // namespace
}  // namespace turnpike::turn
