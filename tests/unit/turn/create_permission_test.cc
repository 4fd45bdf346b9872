// RFC 8656 section 10.2.
#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AddressFamily;
using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

bool permitted(CoreClient& client, std::string_view ip) {
  return client.allocation()->permissions.find(testing::ip(ip), client.driver.now.mono) != nullptr;
}

TEST(CreatePermission, NeedsAnAllocation) {
  CoreDriver core;
  CoreClient client(core, kHome);
  EXPECT_EQ(client.permit({"9.9.9.9:1"}).error(), 437);
}

TEST(CreatePermission, NeedsTheOwner) {
  CoreDriver core;
  CoreClient alice(core, kHome);
  CoreClient bob(core, kHome, "bob", "hunter2");
  alice.allocate();
  EXPECT_EQ(bob.permit({"9.9.9.9:1"}).error(), 441);
  EXPECT_EQ(alice.allocation()->permissions.size(), 0U);
}

TEST(CreatePermission, NeedsAtLeastOnePeer) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  EXPECT_EQ(client.permit({}).error(), 400);
}

TEST(CreatePermission, InstallsManyPeersAtOnceAndIgnoresPorts) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  EXPECT_TRUE(client.permit({"9.9.9.9:0", "9.9.9.10:7", "9.9.9.9:8"}).is(Class::success));
  EXPECT_EQ(client.allocation()->permissions.size(), 2U);
  EXPECT_TRUE(permitted(client, "9.9.9.9"));
  EXPECT_TRUE(permitted(client, "9.9.9.10"));
}

TEST(CreatePermission, InstallsNothingWhenOnePeerIsForbidden) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  EXPECT_EQ(client.permit({"9.9.9.9:1", "127.0.0.1:1", "9.9.9.10:1"}).error(), 403);
  EXPECT_EQ(client.allocation()->permissions.size(), 0U);
  const auto refused = core.effects<PeerRefused>();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].peer, endpoint("127.0.0.1:1"));
  EXPECT_EQ(refused[0].reason, PeerReason::loopback);
  EXPECT_EQ(refused[0].user, "alice");
  EXPECT_EQ(core.count(&Counters::peers_refused), 1U);
}

TEST(CreatePermission, InstallsNothingWhenOneFamilyDoesNotFit) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  EXPECT_EQ(client.permit({"9.9.9.9:1", "[2607:f8b0::1]:1"}).error(), 443);
  EXPECT_EQ(client.allocation()->permissions.size(), 0U);
}

TEST(CreatePermission, InstallsNothingWhenOnePeerIsMalformed) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  const auto answer = client.request(Method::create_permission, [](auto& b) {
    b.add_xor_address(AttributeType::xor_peer_address, endpoint("9.9.9.9:1"));
    b.add_u32(AttributeType::xor_peer_address, 0x00010000);
  });
  EXPECT_EQ(answer.error(), 400);
  EXPECT_EQ(client.allocation()->permissions.size(), 0U);
}

TEST(CreatePermission, TakesBothFamiliesOfADualAllocation) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate(
      [](auto& b) { b.add_family(AttributeType::additional_address_family, AddressFamily::ipv6); });
  EXPECT_TRUE(client.permit({"9.9.9.9:1", "[2607:f8b0::1]:1"}).is(Class::success));
}

TEST(CreatePermission, LastsFiveMinutes) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.permit({"9.9.9.9:1"});
  core.advance(seconds(300) - Duration(1));
  EXPECT_TRUE(permitted(client, "9.9.9.9"));
  core.advance(Duration(1));
  EXPECT_FALSE(permitted(client, "9.9.9.9"));
}

TEST(CreatePermission, IsRefreshedByAsking) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.permit({"9.9.9.9:1"});
  core.advance(seconds(200));
  client.permit({"9.9.9.9:1"});
  core.advance(seconds(299));
  EXPECT_TRUE(permitted(client, "9.9.9.9"));
  EXPECT_EQ(client.allocation()->permissions.size(), 1U);
}

// Data keeps no permission alive (RFC 8656 section 9).
TEST(CreatePermission, IsNotRefreshedByTraffic) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.permit({"9.9.9.9:1"});
  core.advance(seconds(299));
  client.send("9.9.9.9:1", "x");
  core.peer_packet(client.relayed(), endpoint("9.9.9.9:1"), as_bytes("y"));
  core.advance(seconds(1));
  EXPECT_FALSE(permitted(client, "9.9.9.9"));
}

TEST(CreatePermission, KeepsTheChannelsOfThePeerUsable) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.bind(0x4000, "9.9.9.9:1");
  core.advance(seconds(200));
  client.permit({"9.9.9.9:0"});
  core.advance(seconds(250));
  client.send_channel(0x4000, "x");
  EXPECT_EQ(core.to_peer.size(), 1U);
}

TEST(CreatePermission, StopsAtTheCapAndInstallsNothingOfThatRequest) {
  CoreDriver core;
  core.settings.max_permissions = 3;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  client.allocate();
  EXPECT_TRUE(client.permit({"9.9.9.1:1", "9.9.9.2:1", "9.9.9.3:1"}).is(Class::success));
  EXPECT_EQ(client.permit({"9.9.9.1:1", "9.9.9.4:1"}).error(), 508);
  EXPECT_EQ(client.allocation()->permissions.size(), 3U);
  EXPECT_EQ(core.count(&Counters::permission_cap), 1U);
  EXPECT_TRUE(client.permit({"9.9.9.2:1"}).is(Class::success));
}

TEST(CreatePermission, ReusesThePlacesOfExpiredOnes) {
  CoreDriver core;
  core.settings.max_permissions = 2;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  client.allocate();
  client.permit({"9.9.9.1:1", "9.9.9.2:1"});
  core.advance(seconds(300));
  EXPECT_TRUE(client.permit({"9.9.9.3:1", "9.9.9.4:1"}).is(Class::success));
  EXPECT_EQ(client.allocation()->permissions.size(), 2U);
}

TEST(CreatePermission, TakesABoundedNumberOfPeersInOneRequest) {
  CoreDriver core;
  core.settings.max_permissions = 1000;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  client.allocate();
  const auto with_peers = [&](uint32_t count) {
    return client
        .request(
            Method::create_permission,
            [&](auto& b) {
              for (uint32_t i = 0; i < count; ++i) {
                b.add_xor_address(AttributeType::xor_peer_address, {Ip::v4(0x09090000 + i), 1});
              }
            })
        .error();
  };
  EXPECT_EQ(with_peers(128), 0);
  EXPECT_EQ(with_peers(129), 508);
}

TEST(CreatePermission, DoesNotSeeAPeerBehindTheIntegrity) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  testing::Bytes request = client.sealed(Method::create_permission, [](auto& b) {
    b.add_xor_address(AttributeType::xor_peer_address, endpoint("9.9.9.9:1"));
  });
  testing::Bytes smuggled = testing::make_message(
      Method::create_permission, Class::request, testing::parsed(request).transaction_id(),
      [](auto& b) { b.add_xor_address(AttributeType::xor_peer_address, endpoint("9.9.9.10:1")); });
  request.insert(request.end(), smuggled.begin() + 20, smuggled.end());
  request[3] = static_cast<uint8_t>(request[3] + 12);
  const auto answer = client.exchange(request);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->is(Class::success));
  EXPECT_FALSE(permitted(client, "9.9.9.10"));
}

}  // namespace
}  // namespace turnpike::turn
