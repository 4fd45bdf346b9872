#include "client/keep_alive.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "conversation.h"

namespace turnpike::client {
namespace {

using stun::AttributeType;
using stun::ErrorCode;
using stun::Method;

// Lets time run until the session wants to send something or has something to say.
void run_to_next_action(Conversation& c) {
  for (int turns = 0; turns < 100; ++turns) {
    c.now = std::max(c.now, c.session.deadline());
    c.tick();
    if (c.out.packet_count() > 0 || !c.out.events().empty()) return;
  }
  FAIL() << "the session is due all the time and does nothing";
}

Bytes refreshed(const Bytes& request, uint32_t lifetime = 600) {
  return Conversation::success(request, [lifetime](stun::MessageBuilder& builder) {
    builder.add_u32(AttributeType::lifetime, lifetime);
  });
}

TEST(KeepAlive, AllocationIsRefreshedAMinuteBeforeItsEnd) {
  Conversation c;
  const Instant start = c.now;
  c.have_allocation(seconds(600));
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + seconds(540));
  EXPECT_EQ(method_of(c.only_sent()), Method::refresh);
  const Bytes request = c.only_sent();
  EXPECT_EQ(stun::decode_u32(*testing::parsed(request).find(AttributeType::lifetime)), 600u);
}

TEST(KeepAlive, ShortAllocationIsRefreshedHalfway) {
  Conversation c;
  const Instant start = c.now;
  c.have_allocation(seconds(20));
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + seconds(10));
}

TEST(KeepAlive, RefreshedAllocationIsRefreshedAgain) {
  Conversation c;
  const Instant start = c.now;
  c.have_allocation(seconds(600));
  run_to_next_action(c);
  c.deliver(refreshed(c.only_sent()));
  EXPECT_TRUE(c.out.events().empty()) << "an automatic refresh is nobody's news";
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + seconds(540 + 540));
}

TEST(KeepAlive, UnansweredRefreshIsTriedUntilTheAllocationEnds) {
  Conversation c;
  const Instant start = c.now;
  c.have_allocation(seconds(600));
  int sent = 0;
  while (c.session.allocated()) {
    run_to_next_action(c);
    sent += static_cast<int>(c.out.packet_count());
  }
  EXPECT_EQ(c.now, start + seconds(600));
  EXPECT_GT(sent, 7);
  ASSERT_TRUE(c.event<AllocationLost>());
  EXPECT_EQ(c.event<AllocationLost>()->kind, FailureKind::expired);
  EXPECT_EQ(c.session.open_requests(), 0u);
}

TEST(KeepAlive, RefusedRefreshLosesTheAllocation) {
  Conversation c;
  c.have_allocation();
  run_to_next_action(c);
  c.deliver(Conversation::refusal(c.only_sent(), ErrorCode::allocation_mismatch));
  ASSERT_TRUE(c.event<AllocationLost>());
  EXPECT_EQ(c.event<AllocationLost>()->kind, FailureKind::rejected);
  EXPECT_EQ(c.event<AllocationLost>()->code, 437);
}

TEST(KeepAlive, PermissionsAreRefreshedTogetherBeforeTheFirstOneEnds) {
  Conversation c;
  const Instant start = c.now;
  c.have_allocation(seconds(3600));
  c.have_permission(Ip::v4(0xcb007101));
  c.pass(seconds(100));
  c.have_permission(Ip::v4(0xcb007102));
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + seconds(240));
  const Bytes request = c.only_sent();
  ASSERT_EQ(method_of(request), Method::create_permission);
  size_t named = 0;
  for (const auto& attribute : testing::parsed(request)) {
    if (attribute.type == AttributeType::xor_peer_address) ++named;
  }
  EXPECT_EQ(named, 2u);
  c.deliver(Conversation::success(request));
  EXPECT_TRUE(c.out.events().empty());
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + seconds(480));
}

TEST(KeepAlive, ManyPermissionsTakeSeveralRequests) {
  Conversation c;
  c.have_allocation(seconds(3600));
  for (uint32_t i = 0; i < 50; ++i) c.have_permission(Ip::v4(0xcb007100 + i));
  run_to_next_action(c);
  EXPECT_EQ(c.out.packet_count(), 3u);
  for (const Bytes& packet : c.sent()) EXPECT_LE(packet.size(), 1200u);
}

TEST(KeepAlive, OneForbiddenPeerDoesNotTakeTheOthersWithIt) {
  const Ip good = Ip::v4(0xcb007101);
  const Ip bad = Ip::v4(0xcb007102);
  Conversation c;
  c.have_allocation(seconds(3600));
  c.have_permission(good);
  c.have_permission(bad);
  run_to_next_action(c);
  c.deliver(Conversation::refusal(c.only_sent(), ErrorCode::forbidden));
  EXPECT_TRUE(c.out.events().empty());
  const auto singles = c.sent();
  ASSERT_EQ(singles.size(), 2u);
  c.deliver(Conversation::success(singles[0]));
  c.deliver(Conversation::refusal(singles[1], ErrorCode::forbidden));
  ASSERT_TRUE(c.event<PermissionLost>());
  EXPECT_EQ(c.event<PermissionLost>()->peer, bad);
  EXPECT_TRUE(c.session.permits(good));
  EXPECT_FALSE(c.session.permits(bad));
}

TEST(KeepAlive, ChannelIsBoundAgainBeforeItsEnd) {
  Conversation c;
  const Instant start = c.now;
  c.have_allocation(seconds(3600));
  c.have_channel(0x4000, kPeer);
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + kPermissionRefresh);
  EXPECT_EQ(method_of(c.only_sent()), Method::create_permission);
  c.deliver(Conversation::success(c.only_sent()));
  run_to_next_action(c);
  c.deliver(Conversation::success(c.only_sent()));
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + kChannelRefresh);
  EXPECT_EQ(method_of(c.only_sent()), Method::channel_bind);
  c.deliver(Conversation::success(c.only_sent()));
  EXPECT_TRUE(c.out.events().empty());
  EXPECT_EQ(c.session.channel_of(kPeer), 0x4000);
}

TEST(KeepAlive, RefusedChannelIsLost) {
  Conversation c;
  c.have_allocation(seconds(3600));
  c.have_channel(0x4000, kPeer);
  run_to_next_action(c);
  while (method_of(c.only_sent()) != Method::channel_bind) {
    c.deliver(Conversation::success(c.only_sent()));
    run_to_next_action(c);
  }
  c.deliver(Conversation::refusal(c.only_sent(), ErrorCode::forbidden));
  ASSERT_TRUE(c.event<ChannelLost>());
  EXPECT_EQ(c.event<ChannelLost>()->number, 0x4000);
  EXPECT_FALSE(c.session.channel_of(kPeer));
}

TEST(KeepAlive, StaleNonceOfAnAutomaticRefreshIsNobodysNews) {
  Conversation c;
  c.have_allocation();
  run_to_next_action(c);
  c.deliver(Conversation::challenge(c.only_sent(), "fresh", ErrorCode::stale_nonce));
  EXPECT_TRUE(c.out.events().empty());
  c.deliver(refreshed(c.only_sent()));
  EXPECT_TRUE(c.session.allocated());
}

TEST(KeepAlive, ManualSessionRefreshesNothingAndTellsTheEnd) {
  SessionSettings settings = settings_of_alice();
  settings.keep_alive = KeepAlive::manual;
  Conversation c(settings);
  const Instant start = c.now;
  c.have_allocation(seconds(600));
  c.have_channel(0x4000, kPeer);
  run_to_next_action(c);
  EXPECT_EQ(c.now, start + seconds(600));
  EXPECT_EQ(c.out.packet_count(), 0u);
  EXPECT_TRUE(c.event<AllocationLost>());
}

TEST(KeepAlive, AliveForADayOfVirtualTime) {
  Conversation c;
  c.have_allocation(seconds(600));
  c.have_channel(0x4000, kPeer);
  c.have_permission(Ip::v4(0xcb007155));
  const Instant end = c.now + std::chrono::hours(24);
  int requests = 0;
  while (c.now < end) {
    run_to_next_action(c);
    ASSERT_TRUE(c.out.events().empty());
    for (const Bytes& request : c.sent()) {
      c.deliver(method_of(request) == Method::refresh ? refreshed(request)
                                                      : Conversation::success(request));
      ++requests;
    }
  }
  // 160 refreshes, 360 of permissions, 160 of channels.
  EXPECT_NEAR(requests, 680, 5);
  EXPECT_TRUE(c.session.channel_of(kPeer));
}

}  // namespace
}  // namespace turnpike::client
