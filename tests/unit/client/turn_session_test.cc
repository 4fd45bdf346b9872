#include "client/turn_session.h"

#include <gtest/gtest.h>

#include "conversation.h"

namespace turnpike::client {
namespace {

using stun::AddressFamily;
using stun::AttributeType;
using stun::Class;
using stun::ErrorCode;
using stun::Method;

TEST(TurnSession, AllocateTellsWhatWasGranted) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  c.pass(milliseconds(20));
  c.deliver(Conversation::success(request, Conversation::allocation()));
  const auto allocated = c.event<Allocated>();
  ASSERT_TRUE(allocated);
  EXPECT_EQ(allocated->relayed, kRelayed);
  EXPECT_EQ(allocated->mapped, kMapped);
  EXPECT_EQ(allocated->lifetime, seconds(600));
  EXPECT_EQ(allocated->took, milliseconds(20));
  EXPECT_FALSE(allocated->additional_relayed);
  EXPECT_FALSE(allocated->reservation_token);
  EXPECT_EQ(c.session.relayed(), kRelayed);
}

TEST(TurnSession, AllocateSendsEveryOption) {
  Conversation c;
  const AllocateOptions options{.lifetime = seconds(1200),
                                .family = AddressFamily::ipv6,
                                .additional_family = AddressFamily::ipv6,
                                .even_port = EvenPort::even_and_reserve_next,
                                .reservation_token = 0x0102030405060708,
                                .dont_fragment = true};
  c.session.allocate(c.now, options, c.out);
  const Bytes request = c.only_sent();
  const auto view = testing::parsed(request);
  EXPECT_EQ(stun::decode_requested_transport(*view.find(AttributeType::requested_transport)), 17);
  EXPECT_EQ(stun::decode_u32(*view.find(AttributeType::lifetime)), 1200u);
  EXPECT_EQ(stun::decode_address_family(*view.find(AttributeType::requested_address_family)), 2);
  EXPECT_EQ(stun::decode_address_family(*view.find(AttributeType::additional_address_family)), 2);
  EXPECT_EQ(stun::decode_even_port(*view.find(AttributeType::even_port)), true);
  EXPECT_EQ(stun::decode_u64(*view.find(AttributeType::reservation_token)), 0x0102030405060708u);
  EXPECT_TRUE(view.has(AttributeType::dont_fragment));
}

TEST(TurnSession, AllocateSendsNoOptionThatWasNotAskedFor) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  const Bytes request = c.only_sent();
  size_t count = 0;
  for (const auto& attribute : testing::parsed(request)) {
    EXPECT_EQ(attribute.type, AttributeType::requested_transport);
    ++count;
  }
  EXPECT_EQ(count, 1u);
}

TEST(TurnSession, SecondFamilyReservationAndAddressErrorAreTold) {
  const Endpoint second{*Ip::parse("2001:db8::5"), 50001};
  Conversation c;
  c.deliver(Conversation::success(c.allocate_until_signed(), [&](stun::MessageBuilder& builder) {
    Conversation::allocation()(builder);
    builder.add_xor_address(AttributeType::xor_relayed_address, second);
    builder.add_u64(AttributeType::reservation_token, 77);
    builder.add_address_error(AddressFamily::ipv6, ErrorCode::address_family_not_supported);
  }));
  const auto allocated = c.event<Allocated>();
  ASSERT_TRUE(allocated);
  EXPECT_EQ(allocated->additional_relayed, second);
  EXPECT_EQ(allocated->reservation_token, 77u);
  ASSERT_TRUE(allocated->additional_error);
  EXPECT_EQ(allocated->additional_error->family, 2);
  EXPECT_EQ(allocated->additional_error->code, 440);
}

TEST(TurnSession, RefusalsAreToldWithTheirCode) {
  for (const ErrorCode code :
       {ErrorCode::forbidden, ErrorCode::allocation_mismatch,
        ErrorCode::address_family_not_supported, ErrorCode::unsupported_transport,
        ErrorCode::allocation_quota_reached, ErrorCode::insufficient_capacity}) {
    Conversation c;
    c.deliver(Conversation::refusal(c.allocate_until_signed(), code));
    const auto failed = c.event<RequestFailed>();
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->kind, FailureKind::rejected);
    EXPECT_EQ(failed->method, Method::allocate);
    EXPECT_TRUE(failed->is(code));
    EXPECT_FALSE(c.session.allocated());
  }
}

TEST(TurnSession, RedirectionNamesTheOtherServer) {
  const Endpoint other{Ip::v4(0xc0000263), 3478};
  Conversation c;
  c.deliver(Conversation::answer(c.allocate_until_signed(), Class::error,
                                 [&](stun::MessageBuilder& builder) {
                                   builder.add_error(ErrorCode::try_alternate);
                                   builder.add_address(AttributeType::alternate_server, other);
                                 }));
  const auto failed = c.event<RequestFailed>();
  ASSERT_TRUE(failed);
  EXPECT_TRUE(failed->is(ErrorCode::try_alternate));
  EXPECT_EQ(failed->alternate, other);
}

TEST(TurnSession, RefusalBeforeTheChallengeCounts) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  c.deliver(testing::make_message(
      Method::allocate, Class::error, testing::parsed(c.only_sent()).transaction_id(),
      [](stun::MessageBuilder& builder) { builder.add_error(ErrorCode::bad_request); }));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_TRUE(c.event<RequestFailed>()->is(ErrorCode::bad_request));
}

TEST(TurnSession, AnswerWithAnUnknownRequiredAttributeIsMalformed) {
  Conversation c;
  c.deliver(Conversation::success(c.allocate_until_signed(), [](stun::MessageBuilder& builder) {
    Conversation::allocation()(builder);
    builder.add_u32(AttributeType{0x7ff0}, 1);
  }));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::malformed);
}

TEST(TurnSession, AnswerThatLacksTheRelayedAddressIsMalformed) {
  Conversation c;
  c.deliver(Conversation::success(c.allocate_until_signed()));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::malformed);
  EXPECT_EQ(c.session.open_requests(), 0u);
}

TEST(TurnSession, UnansweredRequestIsRepeatedByteForByteAndGivenUp) {
  Conversation c;
  const RequestId id = c.session.allocate(c.now, {}, c.out);
  const Bytes request = c.only_sent();
  int repeated = 0;
  while (c.session.open_requests() > 0) {
    c.now = c.session.deadline();
    c.tick();
    if (c.out.packet_count() == 0) continue;
    EXPECT_EQ(c.only_sent(), request);
    ++repeated;
  }
  EXPECT_EQ(repeated, 6);
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_EQ(c.event<RequestFailed>()->kind, FailureKind::timed_out);
  EXPECT_EQ(c.event<RequestFailed>()->request, id);
  EXPECT_EQ(c.event<RequestFailed>()->took, milliseconds(39500));
  EXPECT_EQ(c.session.deadline(), Instant::max());
}

TEST(TurnSession, SecondCopyOfAnAnswerIsIgnored) {
  Conversation c;
  const Bytes request = c.allocate_until_signed();
  const Bytes answer = Conversation::success(request, Conversation::allocation());
  EXPECT_TRUE(c.deliver(answer));
  EXPECT_FALSE(c.deliver(answer));
  EXPECT_TRUE(c.out.events().empty());
}

TEST(TurnSession, AnswerToAnotherMethodIsIgnored) {
  Conversation c;
  c.session.allocate(c.now, {}, c.out);
  const auto id = testing::parsed(c.only_sent()).transaction_id();
  EXPECT_FALSE(c.deliver(testing::make_message(Method::refresh, Class::success, id)));
  EXPECT_EQ(c.session.open_requests(), 1u);
}

TEST(TurnSession, RequestsAndJunkAreIgnored) {
  Conversation c;
  EXPECT_FALSE(c.deliver(testing::make_request(Method::binding)));
  EXPECT_FALSE(c.deliver(Bytes{0xff, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(c.deliver({}));
  EXPECT_EQ(c.out.packet_count(), 0u);
  EXPECT_EQ(c.session.ignored_packets(), 3u);
}

TEST(TurnSession, BindingIsAskedWithoutCredentials) {
  Conversation c;
  c.have_allocation();
  const RequestId id = c.session.binding(c.now, c.out);
  const Bytes request = c.only_sent();
  EXPECT_FALSE(has(request, AttributeType::username));
  c.deliver(testing::make_message(
      Method::binding, Class::success, testing::parsed(request).transaction_id(),
      [](stun::MessageBuilder& builder) {
        builder.add_xor_address(AttributeType::xor_mapped_address, kMapped);
      }));
  ASSERT_TRUE(c.event<BindingAnswered>());
  EXPECT_EQ(c.event<BindingAnswered>()->mapped, kMapped);
  EXPECT_EQ(c.event<BindingAnswered>()->request, id);
}

TEST(TurnSession, ReleaseForgetsEverything) {
  Conversation c;
  c.have_allocation();
  c.have_channel(0x4000, kPeer);
  c.session.refresh(c.now, seconds(0), c.out);
  c.deliver(Conversation::success(c.only_sent(), [](stun::MessageBuilder& builder) {
    builder.add_u32(AttributeType::lifetime, 0);
  }));
  EXPECT_TRUE(c.event<Released>());
  EXPECT_FALSE(c.session.allocated());
  EXPECT_FALSE(c.session.permits(kPeer.ip));
  EXPECT_FALSE(c.session.channel_of(kPeer));
  EXPECT_EQ(c.session.deadline(), Instant::max());
}

TEST(TurnSession, ReleaseOfWhatIsGoneIsARelease) {
  Conversation c;
  c.have_allocation();
  c.session.refresh(c.now, seconds(0), c.out);
  c.deliver(Conversation::refusal(c.only_sent(), ErrorCode::allocation_mismatch));
  EXPECT_TRUE(c.event<Released>());
  EXPECT_FALSE(c.event<RequestFailed>());
  EXPECT_FALSE(c.session.allocated());
}

TEST(TurnSession, RefreshOfWhatIsGoneLosesTheAllocation) {
  Conversation c;
  c.have_allocation();
  c.session.refresh(c.now, seconds(600), c.out);
  c.deliver(Conversation::refusal(c.only_sent(), ErrorCode::allocation_mismatch));
  EXPECT_TRUE(c.event<RequestFailed>());
  ASSERT_TRUE(c.event<AllocationLost>());
  EXPECT_EQ(c.event<AllocationLost>()->code, 437);
  EXPECT_FALSE(c.session.allocated());
}

TEST(TurnSession, OnePermissionRequestNamesSeveralPeers) {
  const std::array peers = {Endpoint{Ip::v4(0xcb007101), 1}, Endpoint{Ip::v4(0xcb007102), 2},
                            Endpoint{*Ip::parse("2001:db8::7"), 3}};
  Conversation c;
  c.have_allocation();
  c.session.create_permission(c.now, peers, c.out);
  const Bytes request = c.only_sent();
  size_t named = 0;
  for (const auto& attribute : testing::parsed(request)) {
    if (attribute.type == AttributeType::xor_peer_address) ++named;
  }
  EXPECT_EQ(named, 3u);
  EXPECT_FALSE(c.session.permits(peers[2].ip));
  c.deliver(Conversation::success(request));
  EXPECT_TRUE(c.event<PermissionsCreated>());
  for (const Endpoint& peer : peers) EXPECT_TRUE(c.session.permits(peer.ip));
}

TEST(TurnSession, ForbiddenPeerIsToldAndNotPermitted) {
  Conversation c;
  c.have_allocation();
  c.session.create_permission(c.now, std::array{kPeer}, c.out);
  c.deliver(Conversation::refusal(c.only_sent(), ErrorCode::forbidden));
  ASSERT_TRUE(c.event<RequestFailed>());
  EXPECT_TRUE(c.event<RequestFailed>()->is(ErrorCode::forbidden));
  EXPECT_FALSE(c.session.permits(kPeer.ip));
}

TEST(TurnSession, ChannelBindTellsNumberAndPeerAndPermits) {
  Conversation c;
  c.have_allocation();
  c.session.bind_channel(c.now, 0x4123, kPeer, c.out);
  const Bytes request = c.only_sent();
  const auto view = testing::parsed(request);
  EXPECT_EQ(stun::decode_channel_number(*view.find(AttributeType::channel_number)), 0x4123);
  c.deliver(Conversation::success(request));
  ASSERT_TRUE(c.event<ChannelBound>());
  EXPECT_EQ(c.event<ChannelBound>()->number, 0x4123);
  EXPECT_EQ(c.event<ChannelBound>()->peer, kPeer);
  EXPECT_TRUE(c.session.permits(kPeer.ip));
  EXPECT_EQ(c.session.channel_of(kPeer), 0x4123);
}

TEST(TurnSession, SoftwareIsSentWhenGiven) {
  SessionSettings settings = settings_of_alice();
  settings.software = "test";
  Conversation c(settings);
  EXPECT_EQ(text_of(c.allocate_until_signed(), AttributeType::software), "test");
}

}  // namespace
}  // namespace turnpike::client
