#include "turn/permissions.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using testing::endpoint;
using testing::ip;

const Instant kLater = kStart + seconds(300);

TEST(Permissions, FindOnlyWhatIsInstalledAndAlive) {
  Permissions permissions;
  permissions.install(ip("9.9.9.9"), PeerReach::network, kLater);
  EXPECT_NE(permissions.find(ip("9.9.9.9"), kLater - Duration(1)), nullptr);
  EXPECT_EQ(permissions.find(ip("9.9.9.9"), kLater), nullptr);
  EXPECT_EQ(permissions.find(ip("9.9.9.10"), kStart), nullptr);
}

TEST(Permissions, AreTheSameForAMappedAddress) {
  Permissions permissions;
  permissions.install(ip("::ffff:9.9.9.9"), PeerReach::network, kLater);
  EXPECT_NE(permissions.find(ip("9.9.9.9"), kStart), nullptr);
}

TEST(Permissions, HaveRoomUpToTheCap) {
  Permissions permissions;
  for (uint32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(permissions.has_room(Ip::v4(0x09090000 + i), 4, kStart));
    permissions.install(Ip::v4(0x09090000 + i), PeerReach::network, kLater);
  }
  EXPECT_FALSE(permissions.has_room(ip("9.9.9.9"), 4, kStart));
  EXPECT_TRUE(permissions.has_room(Ip::v4(0x09090002), 4, kStart));
  EXPECT_TRUE(permissions.has_room(ip("9.9.9.9"), 4, kLater));
}

TEST(Channels, AreUsableWhileBindingAndPermissionLive) {
  Channels channels;
  channels.bind({endpoint("9.9.9.9:1"), 0x4000, PeerReach::network, kStart + seconds(600),
                 kStart + seconds(300)});
  EXPECT_NE(channels.usable_by_number(0x4000, kStart), nullptr);
  EXPECT_NE(channels.usable_by_peer(endpoint("9.9.9.9:1"), kStart), nullptr);
  EXPECT_EQ(channels.usable_by_peer(endpoint("9.9.9.9:2"), kStart), nullptr);
  EXPECT_EQ(channels.usable_by_number(0x4001, kStart), nullptr);
  EXPECT_EQ(channels.usable_by_number(0x4000, kStart + seconds(300)), nullptr);
  channels.permission_refreshed(ip("9.9.9.9"), kStart + seconds(900));
  EXPECT_NE(channels.usable_by_number(0x4000, kStart + seconds(300)), nullptr);
  EXPECT_EQ(channels.usable_by_number(0x4000, kStart + seconds(600)), nullptr);
  EXPECT_EQ(channels.usable_by_peer(endpoint("9.9.9.9:1"), kStart + seconds(600)), nullptr);
}

TEST(Channels, DoNotLetAnExpiredBindingShadowANewOne) {
  Channels channels;
  const Instant end = kStart + seconds(600);
  channels.bind({endpoint("9.9.9.9:1"), 0x4000, PeerReach::network, kStart, kStart});
  channels.bind({endpoint("9.9.9.9:2"), 0x4001, PeerReach::network, kStart, kStart});
  ASSERT_TRUE(channels.may_bind(0x4000, endpoint("9.9.9.9:2"), kStart));
  channels.bind({endpoint("9.9.9.9:2"), 0x4000, PeerReach::network, end, end});
  EXPECT_EQ(channels.size(), 1U);
  const Channel* channel = channels.usable_by_peer(endpoint("9.9.9.9:2"), kStart);
  ASSERT_NE(channel, nullptr);
  EXPECT_EQ(channel->number, 0x4000);
}

}  // namespace
}  // namespace turnpike::turn
