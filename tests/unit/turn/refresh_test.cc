// RFC 8656 section 8.2.
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
using testing::Received;

TEST(Refresh, NeedsAnAllocation) {
  CoreDriver core;
  CoreClient client(core, kHome);
  EXPECT_EQ(client.refresh(600).error(), 437);
}

TEST(Refresh, NeedsAnAllocationThatHasNotExpired) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.advance(seconds(600));
  client.learn_nonce();
  EXPECT_EQ(client.refresh(600).error(), 437);
}

TEST(Refresh, GrantsLifetimesLikeAllocateButForZero) {
  struct Case {
    std::optional<uint32_t> wanted;
    uint32_t granted;
  };
  for (const Case& c : {Case{{}, 600}, Case{1, 600}, Case{700, 700}, Case{9999, 3600}}) {
    CoreDriver core;
    CoreClient client(core, kHome);
    client.allocate();
    EXPECT_EQ(client.refresh(c.wanted).u32(AttributeType::lifetime), c.granted);
    EXPECT_EQ(client.allocation()->deadline, core.now.mono + seconds(c.granted));
  }
}

TEST(Refresh, KeepsTheAllocationBeyondItsFirstEnd) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.run(seconds(500));
  EXPECT_TRUE(client.refresh(600).is(Class::success));
  core.run(seconds(599));
  EXPECT_EQ(core.server->allocations(), 1U);
  core.run(seconds(2));
  EXPECT_EQ(core.server->allocations(), 0U);
}

TEST(Refresh, CanShortenAndTheAllocationEndsInTime) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate([](auto& b) { b.add_u32(AttributeType::lifetime, 3600); });
  EXPECT_EQ(client.refresh(600).u32(AttributeType::lifetime), 600U);
  core.run(seconds(602));
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(core.ports.open_leases(), 0U);
}

TEST(Refresh, OfZeroFreesTupleAndPortsAndQuotaBeforeTheAnswer) {
  CoreDriver core;
  core.settings.quota = {1, 1};
  core.use_settings(core.settings);
  core.space.min_port = core.space.max_port = 50000;
  CoreClient client(core, kHome);
  client.allocate();
  const Received answer = client.refresh(0);
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_EQ(answer.u32(AttributeType::lifetime), 0U);
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(core.ports.open_leases(), 0U);
  EXPECT_EQ(core.quota.total(), 0U);
  EXPECT_TRUE(client.allocate().is(Class::success));
}

TEST(Refresh, OfZeroIsReportedWithWhatWasRelayed) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.permit({"9.9.9.9:1000"});
  client.send("9.9.9.9:1000", "hello");
  core.peer_packet(client.relayed(), testing::endpoint("9.9.9.9:1000"), as_bytes("hi"));
  core.advance(seconds(5));
  client.refresh(0);
  const auto closed = core.effects<AllocationClosed>();
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].reason, CloseReason::deleted);
  EXPECT_EQ(closed[0].lasted, seconds(5));
  EXPECT_EQ(closed[0].from_client.bytes, 5U);
  EXPECT_EQ(closed[0].to_client.bytes, 2U);
}

TEST(Refresh, AfterADeletionTellsThatThereIsNone) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.refresh(0);
  EXPECT_EQ(client.repeat().error(), 437);
}

TEST(Refresh, ComparesTheFamily) {
  struct Case {
    uint32_t value;
    uint16_t code;
  };
  for (const Case& c : {Case{0x01000000, 0}, Case{0x02000000, 443}, Case{0x03000000, 443}}) {
    CoreDriver core;
    CoreClient client(core, kHome);
    client.allocate();
    EXPECT_EQ(
        client
            .request(Method::refresh,
                     [&](auto& b) { b.add_u32(AttributeType::requested_address_family, c.value); })
            .error(),
        c.code);
  }
}

TEST(Refresh, OfAnotherFamilyDoesNotDelete) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  const Received answer = client.request(Method::refresh, [](auto& b) {
    b.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
    b.add_u32(AttributeType::lifetime, 0);
  });
  EXPECT_EQ(answer.error(), 443);
  EXPECT_EQ(core.server->allocations(), 1U);
}

// RFC 8656 section 8.1.
TEST(Refresh, OfZeroForOneFamilyOfTwoDeletesThatOneAlone) {
  CoreDriver core;
  CoreClient client(core, kHome);
  ASSERT_TRUE(client
                  .allocate([](auto& b) {
                    b.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
                  })
                  .is(Class::success));
  ASSERT_TRUE(client.permit({"9.9.9.9:1"}).is(Class::success));
  ASSERT_TRUE(client.permit({"[2620:fe::fe]:1"}).is(Class::success));
  const auto end_of = [&](AddressFamily family) {
    return client.request(Method::refresh, [&](auto& b) {
      b.add_family(AttributeType::requested_address_family, family);
      b.add_u32(AttributeType::lifetime, 0);
    });
  };
  EXPECT_TRUE(end_of(AddressFamily::ipv4).is(Class::success));
  ASSERT_EQ(core.server->allocations(), 1U);
  EXPECT_EQ(client.allocation()->relay_for(IpFamily::v4), nullptr);
  EXPECT_NE(client.allocation()->relay_for(IpFamily::v6), nullptr);
  EXPECT_EQ(client.allocation()->permissions.size(), 1U);
  EXPECT_EQ(end_of(AddressFamily::ipv4).error(), 443);
  EXPECT_TRUE(end_of(AddressFamily::ipv6).is(Class::success));
  EXPECT_EQ(core.server->allocations(), 0U);
}

// RFC 8656 section 8.1: of a dual allocation one address may be given back.
TEST(Refresh, OfZeroForOneFamilyOfADualAllocationGivesThatOneBack) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate(
      [](auto& b) { b.add_family(AttributeType::additional_address_family, AddressFamily::ipv6); });
  client.permit({"9.9.9.9:1", "[2607:f8b0::1]:1"});
  client.bind(0x4000, "[2607:f8b0::1]:1");
  const Endpoint gone = client.allocation()->relays[1].external();
  const RelayId relay = client.allocation()->relays[1].id();
  const Received answer = client.request(Method::refresh, [](auto& b) {
    b.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
    b.add_u32(AttributeType::lifetime, 0);
  });
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_EQ(answer.u32(AttributeType::lifetime), 0U);
  EXPECT_EQ(core.server->allocations(), 1U);
  EXPECT_EQ(core.quota.total(), 1U);
  EXPECT_EQ(core.ports.open_leases(), 1U);
  EXPECT_EQ(core.directory.find(gone), std::nullopt);

  core.peer_packet(relay, testing::endpoint("[2607:f8b0::1]:1"), as_bytes("late"));
  EXPECT_TRUE(core.to_client.empty());
  client.send_channel(0x4000, "x");
  EXPECT_TRUE(core.to_peer.empty());
  client.send("9.9.9.9:1", "x");
  EXPECT_EQ(core.to_peer.size(), 1U);
  EXPECT_EQ(client.permit({"[2607:f8b0::1]:1"}).error(), 443);

  client.refresh(0);
  EXPECT_EQ(core.ports.open_leases(), 0U);
  EXPECT_EQ(core.quota.total(), 0U);
}

TEST(Refresh, OfZeroForTheOnlyFamilyEndsTheAllocation) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  client.request(Method::refresh, [](auto& b) {
    b.add_family(AttributeType::requested_address_family, AddressFamily::ipv4);
    b.add_u32(AttributeType::lifetime, 0);
  });
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(core.quota.total(), 0U);
}

TEST(Refresh, RejectsMalformedValues) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  for (const AttributeType type :
       {AttributeType::lifetime, AttributeType::requested_address_family}) {
    EXPECT_EQ(client.request(Method::refresh, [&](auto& b) { b.add(type, "\x01\x02"); }).error(),
              400);
  }
}

TEST(Refresh, OfAnotherUserIsRejectedAndChangesNothing) {
  CoreDriver core;
  CoreClient alice(core, kHome);
  CoreClient bob(core, kHome, "bob", "hunter2");
  alice.allocate();
  const Instant deadline = alice.allocation()->deadline;
  EXPECT_EQ(bob.refresh(0).error(), 441);
  EXPECT_EQ(bob.refresh(3600).error(), 441);
  ASSERT_NE(alice.allocation(), nullptr);
  EXPECT_EQ(alice.allocation()->deadline, deadline);
}

TEST(Refresh, DoesNotObeyALifetimeBehindTheIntegrity) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  testing::Bytes request = client.sealed(Method::refresh, {});
  const std::array<uint8_t, 8> lifetime = {0, 0x0d, 0, 4, 0, 0, 0, 0};
  request.insert(request.end(), lifetime.begin(), lifetime.end());
  request[3] = static_cast<uint8_t>(request[3] + 8);
  const auto answer = client.exchange(request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->u32(AttributeType::lifetime), 600U);
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST(Refresh, OfARemovedUserIsChallengedAndTheAllocationLivesUntilItsDeadline) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.remove_user("alice");
  EXPECT_EQ(client.refresh(600).error(), 401);
  EXPECT_EQ(core.server->allocations(), 1U);
  core.run(seconds(601));
  EXPECT_EQ(core.server->allocations(), 0U);
}

TEST(Refresh, WithAnOldPasswordIsChallenged) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.add_user("alice", "changed");
  EXPECT_EQ(client.refresh(600).error(), 401);
  client.credentials.password = "changed";
  EXPECT_TRUE(client.refresh(600).is(Class::success));
}

}  // namespace
}  // namespace turnpike::turn
