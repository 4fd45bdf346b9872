// RFC 8656 section 7.2, step by step.
#include <gtest/gtest.h>

#include "auth/time_limited.h"
#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AddressFamily;
using stun::AttributeType;
using stun::Class;
using stun::MessageBuilder;
using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;
using testing::Received;

// The code of the answer to an Allocate with these attributes; 0: success.
uint16_t code_of(const testing::AddAttributes& add) {
  CoreDriver core;
  CoreClient client(core, kHome);
  return client.request(Method::allocate, add).error();
}

TEST(Allocate, GivesAddressLifetimeAndMappedAddress) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const Received answer = client.allocate();
  ASSERT_TRUE(answer.is(Class::success));
  EXPECT_EQ(answer.relayed(), std::vector{testing::endpoint("192.0.2.1:49152")});
  EXPECT_EQ(answer.u32(AttributeType::lifetime), 600U);
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), testing::endpoint(kHome));
  EXPECT_FALSE(answer.view().has(AttributeType::reservation_token));
  EXPECT_EQ(answer.precious, Precious::yes);
}

TEST(Allocate, ReportsWhatItOpened) {
  CoreDriver core;
  CoreClient client(core, kHome);
  ASSERT_TRUE(client.allocate().is(Class::success));
  const auto opened = core.effects<AllocationOpened>();
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0].user, "alice");
  EXPECT_EQ(opened[0].relayed, std::vector{client.relayed()});
  EXPECT_EQ(core.count(&Counters::allocations_opened), 1U);
}

// Step 1.
TEST(Allocate, NeedsCredentials) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto answer = client.exchange(
      testing::make_request(Method::allocate, [](auto& b) { b.add_requested_transport(17); }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 401);
  EXPECT_EQ(core.server->allocations(), 0U);
}

// Step 2.
TEST(Allocate, RejectsSecondAllocationOnSameFiveTuple) {
  CoreDriver core;
  CoreClient client(core, kHome);
  ASSERT_TRUE(client.allocate().is(Class::success));
  EXPECT_EQ(client.allocate().error(), 437);
  EXPECT_EQ(core.ports.open_leases(), 1U);
}

TEST(Allocate, RejectsSecondAllocationOfAnotherUserToo) {
  CoreDriver core;
  CoreClient alice(core, kHome);
  CoreClient bob(core, kHome, "bob", "hunter2");
  ASSERT_TRUE(alice.allocate().is(Class::success));
  EXPECT_EQ(bob.allocate().error(), 437);
}

TEST(Allocate, TellsFiveTuplesApartByEveryPart) {
  CoreDriver core;
  CoreClient first(core, kHome);
  CoreClient other_port(core, "8.8.8.8:40001");
  CoreClient other_ip(core, "8.8.8.9:40000");
  CoreClient other_server(core, kHome, "alice", "secret", Transport::udp, "192.0.2.1:3479");
  CoreClient other_transport(core, kHome, "alice", "secret", Transport::tcp);
  for (CoreClient* client : {&first, &other_port, &other_ip, &other_server, &other_transport}) {
    EXPECT_TRUE(client->allocate().is(Class::success));
  }
  EXPECT_EQ(core.server->allocations(), 5U);
}

TEST(Allocate, AnswersARetransmissionWithTheSameSuccess) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const Received first = client.allocate([](auto& b) { b.add_even_port(true); });
  const Received second = client.repeat();
  EXPECT_EQ(first.bytes, second.bytes);
  EXPECT_EQ(core.server->allocations(), 1U);
  EXPECT_EQ(core.count(&Counters::allocations_opened), 1U);
}

TEST(Allocate, AnswersALaterRetransmissionWithTheTimeThatIsLeft) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.advance(seconds(7));
  EXPECT_EQ(client.repeat().u32(AttributeType::lifetime), 593U);
}

TEST(Allocate, AnswersARetransmissionEvenWhenNothingIsLeft) {
  CoreDriver core;
  core.space.min_port = core.space.max_port = 50000;
  core.settings.quota = {1, 1};
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  const Received first = client.allocate();
  core.server->set_admission(Admission::closed);
  EXPECT_EQ(client.repeat().bytes, first.bytes);
}

TEST(Allocate, MayBeMadeAnewWhenTheOldOneHasExpiredButWasNotCollected) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.advance(seconds(600));
  client.learn_nonce();
  const Received answer = client.allocate();
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_EQ(core.server->allocations(), 1U);
  EXPECT_EQ(core.ports.open_leases(), 1U);
  EXPECT_EQ(core.count(&Counters::allocations_closed), 1U);
}

// Step 3.
TEST(Allocate, ChecksRequestedTransport) {
  EXPECT_EQ(code_of({}), 400);
  EXPECT_EQ(code_of([](auto& b) { b.add(AttributeType::requested_transport, "\x11"); }), 400);
  EXPECT_EQ(code_of([](auto& b) { b.add_u64(AttributeType::requested_transport, 17); }), 400);
  // RFC 6062 section 5.1: not over UDP.
  EXPECT_EQ(code_of([](auto& b) { b.add_requested_transport(6); }), 400);
  EXPECT_EQ(code_of([](auto& b) { b.add_requested_transport(0); }), 442);
  EXPECT_EQ(code_of([](auto& b) { b.add_requested_transport(17); }), 0);
}

// Step 4.
TEST(Allocate, AcceptsDontFragment) {
  EXPECT_EQ(code_of([](auto& b) {
              b.add_requested_transport(17);
              b.add_empty(AttributeType::dont_fragment);
            }),
            0);
}

// Steps 5 to 9, as far as the message alone decides.
TEST(Allocate, FollowsTheTableOfCombinations) {
  struct Case {
    std::string_view what;
    testing::AddAttributes add;
    uint16_t code;
  };
  const auto v4 = AddressFamily::ipv4;
  const auto v6 = AddressFamily::ipv6;
  const auto requested = AttributeType::requested_address_family;
  const auto additional = AttributeType::additional_address_family;
  const Case cases[] = {
      {"token and even port",
       [](auto& b) {
         b.add_u64(AttributeType::reservation_token, 1);
         b.add_even_port(false);
       },
       400},
      {"token and family",
       [&](auto& b) {
         b.add_u64(AttributeType::reservation_token, 1);
         b.add_family(requested, v4);
       },
       400},
      {"token and additional family",
       [&](auto& b) {
         b.add_u64(AttributeType::reservation_token, 1);
         b.add_family(additional, v6);
       },
       400},
      {"unknown token", [](auto& b) { b.add_u64(AttributeType::reservation_token, 1); }, 508},
      {"token zero", [](auto& b) { b.add_u64(AttributeType::reservation_token, 0); }, 508},
      {"malformed token", [](auto& b) { b.add_u32(AttributeType::reservation_token, 1); }, 400},
      {"both families",
       [&](auto& b) {
         b.add_family(requested, v4);
         b.add_family(additional, v6);
       },
       400},
      {"IPv4", [&](auto& b) { b.add_family(requested, v4); }, 0},
      {"IPv6", [&](auto& b) { b.add_family(requested, v6); }, 0},
      {"a family nobody knows", [&](auto& b) { b.add_u32(requested, 0x03000000); }, 440},
      {"malformed family", [&](auto& b) { b.add(requested, "\x01"); }, 400},
      {"additional IPv6", [&](auto& b) { b.add_family(additional, v6); }, 0},
      {"additional IPv4", [&](auto& b) { b.add_family(additional, v4); }, 400},
      {"malformed additional", [&](auto& b) { b.add(additional, "\x02"); }, 400},
      {"even port and additional",
       [&](auto& b) {
         b.add_even_port(false);
         b.add_family(additional, v6);
       },
       0},
      {"even port with the next one and additional",
       [&](auto& b) {
         b.add_even_port(true);
         b.add_family(additional, v6);
       },
       400},
      {"malformed even port", [](auto& b) { b.add_u32(AttributeType::even_port, 0); }, 400},
      {"malformed lifetime", [](auto& b) { b.add(AttributeType::lifetime, "\x01"); }, 400},
  };
  for (const Case& c : cases) {
    CoreDriver core;
    CoreClient client(core, kHome);
    const Received answer = client.allocate(c.add);
    EXPECT_EQ(answer.error(), c.code) << c.what;
    EXPECT_EQ(core.quota.total(), c.code == 0 ? 1U : 0U) << c.what;
    EXPECT_EQ(core.server->allocations(), c.code == 0 ? 1U : 0U) << c.what;
  }
}

// Step 7.
TEST(Allocate, GivesIPv4ToAnIPv6ClientThatDoesNotAsk) {
  CoreDriver core;
  CoreClient client(core, "[2607:f8b0::1]:40000", "alice", "secret", Transport::udp,
                    "[2001:db8::1]:3478");
  const Received answer = client.allocate();
  ASSERT_TRUE(answer.is(Class::success));
  EXPECT_EQ(client.relayed().ip.family(), IpFamily::v4);
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), client.route.tuple.client);
}

TEST(Allocate, GivesTheFamilyThatTheOperatorPrefers) {
  const auto family_for = [](DefaultFamily preferred, std::string_view home) {
    CoreDriver core;
    core.settings.default_family = preferred;
    core.use_settings(core.settings);
    CoreClient client(core, home);
    EXPECT_TRUE(client.allocate().is(Class::success));
    return client.relayed().ip.family();
  };
  EXPECT_EQ(family_for(DefaultFamily::v6, kHome), IpFamily::v6);
  EXPECT_EQ(family_for(DefaultFamily::as_client, kHome), IpFamily::v4);
  EXPECT_EQ(family_for(DefaultFamily::as_client, "[2607:f8b0::1]:40000"), IpFamily::v6);
}

TEST(Allocate, TellsThatAFamilyIsNotServed) {
  CoreDriver core;
  core.space.set_address(IpFamily::v4, std::nullopt);
  CoreClient client(core, kHome);
  EXPECT_EQ(client.allocate().error(), 440);
  EXPECT_EQ(core.quota.total(), 0U);
}

TEST(Allocate, TellsTheRelayPortsWhereClientAndServerAre) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  ASSERT_EQ(core.ports.requests().size(), 1U);
  EXPECT_EQ(core.ports.requests()[0].client_ip, testing::ip("8.8.8.8"));
  EXPECT_EQ(core.ports.requests()[0].server_ip, testing::ip("192.0.2.1"));
}

// Step 8.
TEST(Allocate, GivesAnEvenPortAndTakesOnlyThat) {
  CoreDriver core;
  core.space.min_port = 50001;
  CoreClient client(core, kHome);
  const Received answer = client.allocate([](auto& b) { b.add_even_port(false); });
  ASSERT_TRUE(answer.is(Class::success));
  EXPECT_EQ(client.relayed().port, 50002);
  EXPECT_EQ(core.space.ports_taken(), 1U);
  EXPECT_FALSE(answer.view().has(AttributeType::reservation_token));
}

TEST(Allocate, ReservesTheNextPortAndHandsItOutForTheToken) {
  CoreDriver core;
  CoreClient first(core, kHome);
  CoreClient second(core, "9.9.9.9:1234", "bob", "hunter2");
  const Received answer = first.allocate([](auto& b) { b.add_even_port(true); });
  const auto token = answer.view().find(AttributeType::reservation_token);
  ASSERT_TRUE(token);
  EXPECT_EQ(first.relayed().port % 2, 0);
  EXPECT_EQ(core.space.ports_taken(), 2U);

  const Received other =
      second.allocate([&](auto& b) { b.add(AttributeType::reservation_token, *token); });
  ASSERT_TRUE(other.is(Class::success));
  EXPECT_EQ(second.relayed().port, first.relayed().port + 1);
  EXPECT_EQ(core.space.reservations(), 0U);
  EXPECT_EQ(core.space.ports_taken(), 2U);
}

TEST(Allocate, RedeemsATokenOnce) {
  CoreDriver core;
  CoreClient first(core, kHome);
  CoreClient second(core, "9.9.9.9:1234");
  CoreClient third(core, "9.9.9.9:1235");
  const Received answer = first.allocate([](auto& b) { b.add_even_port(true); });
  const auto with_token = [&](auto& b) {
    b.add(AttributeType::reservation_token, *answer.view().find(AttributeType::reservation_token));
  };
  EXPECT_TRUE(second.allocate(with_token).is(Class::success));
  EXPECT_EQ(third.allocate(with_token).error(), 508);
}

TEST(Allocate, HoldsAReservationForThirtySeconds) {
  for (const auto& [waited, code] : {std::pair{29, 0}, std::pair{30, 508}}) {
    CoreDriver core;
    CoreClient first(core, kHome);
    CoreClient second(core, "9.9.9.9:1234");
    const Received answer = first.allocate([](auto& b) { b.add_even_port(true); });
    core.run(seconds(waited));
    const Received other = second.allocate([&](auto& b) {
      b.add(AttributeType::reservation_token,
            *answer.view().find(AttributeType::reservation_token));
    });
    EXPECT_EQ(other.error(), code) << waited;
  }
}

TEST(Allocate, KeepsTheTokenWhenTheQuotaSaysNo) {
  CoreDriver core;
  core.settings.quota = {1, 0};
  core.use_settings(core.settings);
  CoreClient first(core, kHome);
  CoreClient second(core, "9.9.9.9:1234");
  const Received answer = first.allocate([](auto& b) { b.add_even_port(true); });
  EXPECT_EQ(second
                .allocate([&](auto& b) {
                  b.add(AttributeType::reservation_token,
                        *answer.view().find(AttributeType::reservation_token));
                })
                .error(),
            486);
  EXPECT_EQ(core.space.reservations(), 1U);
}

TEST(Allocate, TellsThatThereAreNoPorts) {
  CoreDriver core;
  core.space.min_port = core.space.max_port = 50001;
  CoreClient first(core, kHome);
  CoreClient second(core, "9.9.9.9:1234");
  EXPECT_EQ(first.allocate([](auto& b) { b.add_even_port(false); }).error(), 508);
  EXPECT_TRUE(first.allocate().is(Class::success));
  EXPECT_EQ(second.allocate().error(), 508);
  EXPECT_EQ(core.count(&Counters::capacity_refusals), 2U);
}

TEST(Allocate, HealsWhenDescriptorsAreThereAgain) {
  CoreDriver core;
  CoreClient client(core, kHome);
  core.ports.fail(IpFamily::v4, OpenError::no_descriptors);
  EXPECT_EQ(client.allocate().error(), 508);
  core.ports.fail(IpFamily::v4, std::nullopt);
  EXPECT_TRUE(client.allocate().is(Class::success));
}

// Step 9.
TEST(Allocate, GivesBothFamilies) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const Received answer = client.allocate(
      [](auto& b) { b.add_family(AttributeType::additional_address_family, AddressFamily::ipv6); });
  const auto relayed = answer.relayed();
  ASSERT_EQ(relayed.size(), 2U);
  EXPECT_EQ(relayed[0].ip.family(), IpFamily::v4);
  EXPECT_EQ(relayed[1].ip.family(), IpFamily::v6);
  EXPECT_FALSE(answer.view().has(AttributeType::address_error_code));
  EXPECT_EQ(core.quota.total(), 1U);
  EXPECT_EQ(core.ports.open_leases(), 2U);
}

TEST(Allocate, GivesBothFamiliesForTheNumberOfTheDraftsToo) {
  CoreDriver core;
  CoreClient client(core, kHome);
  const auto draft = static_cast<AttributeType>(0x8032);
  EXPECT_EQ(client.allocate([&](auto& b) { b.add_family(draft, AddressFamily::ipv4); }).error(),
            400);
  EXPECT_EQ(
      client.allocate([&](auto& b) { b.add_family(draft, AddressFamily::ipv6); }).relayed().size(),
      2U);
}

TEST(Allocate, GivesOneFamilyAndSaysWhyTheOtherIsMissing) {
  struct Case {
    IpFamily failing;
    OpenError error;
    uint32_t expected;  // The value of ADDRESS-ERROR-CODE.
  };
  const Case cases[] = {
      {IpFamily::v6, OpenError::no_address, 0x02000428},
      {IpFamily::v6, OpenError::bind_refused, 0x02000508},
      {IpFamily::v6, OpenError::ports_in_use, 0x02000508},
      {IpFamily::v6, OpenError::no_descriptors, 0x02000508},
      {IpFamily::v4, OpenError::no_address, 0x01000428},
      {IpFamily::v4, OpenError::ports_in_use, 0x01000508},
  };
  for (const Case& c : cases) {
    CoreDriver core;
    core.ports.fail(c.failing, c.error);
    CoreClient client(core, kHome);
    const Received answer = client.allocate([](auto& b) {
      b.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
    });
    ASSERT_TRUE(answer.is(Class::success));
    ASSERT_EQ(answer.relayed().size(), 1U);
    EXPECT_NE(answer.relayed()[0].ip.family(), c.failing);
    EXPECT_EQ(answer.u32(AttributeType::address_error_code), c.expected);
    EXPECT_EQ(client.repeat().bytes, answer.bytes);
  }
}

TEST(Allocate, FailsWhenNeitherFamilyIsToBeHad) {
  CoreDriver core;
  core.ports.fail(IpFamily::v4, OpenError::ports_in_use);
  core.ports.fail(IpFamily::v6, OpenError::no_address);
  CoreClient client(core, kHome);
  EXPECT_EQ(client
                .allocate([](auto& b) {
                  b.add_family(AttributeType::additional_address_family, AddressFamily::ipv6);
                })
                .error(),
            508);
  EXPECT_EQ(core.quota.total(), 0U);
}

// Step 10.
TEST(Allocate, StopsAtTheUsersQuota) {
  CoreDriver core;
  core.settings.quota = {2, 0};
  core.use_settings(core.settings);
  CoreClient first(core, "8.8.8.8:1");
  CoreClient second(core, "8.8.8.8:2");
  CoreClient third(core, "8.8.8.8:3");
  CoreClient bob(core, "8.8.8.8:4", "bob", "hunter2");
  EXPECT_TRUE(first.allocate().is(Class::success));
  EXPECT_TRUE(second.allocate().is(Class::success));
  EXPECT_EQ(third.allocate().error(), 486);
  EXPECT_TRUE(bob.allocate().is(Class::success));
  EXPECT_EQ(core.count(&Counters::quota_refusals), 1U);
}

TEST(Allocate, CountsTimeLimitedNamesOfOneUserTogether) {
  CoreDriver core;
  core.settings.quota = {1, 0};
  core.settings.shared_secrets = {"north"};
  core.use_settings(core.settings);
  const auto password = [](std::string_view name) {
    return auth::time_limited_password("north", name);
  };
  CoreClient first(core, "8.8.8.8:1", "1700000900:dave", password("1700000900:dave"));
  CoreClient second(core, "8.8.8.8:2", "1700000901:dave", password("1700000901:dave"));
  EXPECT_TRUE(first.allocate().is(Class::success));
  EXPECT_EQ(second.allocate().error(), 486);
}

TEST(Allocate, GivesThePlaceBackWhenPortsFail) {
  CoreDriver core;
  core.settings.quota = {1, 1};
  core.use_settings(core.settings);
  core.ports.fail(IpFamily::v4, OpenError::ports_in_use);
  CoreClient client(core, kHome);
  EXPECT_EQ(client.allocate().error(), 508);
  EXPECT_EQ(core.quota.total(), 0U);
  core.ports.fail(IpFamily::v4, std::nullopt);
  EXPECT_TRUE(client.allocate().is(Class::success));
}

// Step 11, and draining.
TEST(Allocate, IsRefusedWhileAdmissionIsClosed) {
  CoreDriver core;
  CoreClient old(core, "8.8.8.8:1");
  CoreClient client(core, kHome);
  ASSERT_TRUE(old.allocate().is(Class::success));
  core.server->set_admission(Admission::closed);
  EXPECT_EQ(client.allocate().error(), 508);
  EXPECT_TRUE(old.refresh(600).is(Class::success));
}

TEST(Allocate, GrantsALifetimeBetweenDefaultAndMaximum) {
  struct Case {
    std::optional<uint32_t> wanted;
    uint32_t maximum;
    uint32_t granted;
  };
  const Case cases[] = {
      {{}, 3600, 600},  {0, 3600, 600},     {1, 3600, 600},         {600, 3600, 600},
      {601, 3600, 601}, {3600, 3600, 3600}, {3601, 3600, 3600},     {UINT32_MAX, 3600, 3600},
      {{}, 300, 300},   {0, 300, 300},      {UINT32_MAX, 300, 300},
  };
  for (const Case& c : cases) {
    CoreDriver core;
    core.settings.max_lifetime = seconds(c.maximum);
    core.use_settings(core.settings);
    CoreClient client(core, kHome);
    const Received answer = client.allocate([&](auto& b) {
      if (c.wanted) b.add_u32(AttributeType::lifetime, *c.wanted);
    });
    EXPECT_EQ(answer.u32(AttributeType::lifetime), c.granted);
    ASSERT_NE(client.allocation(), nullptr);
    EXPECT_EQ(client.allocation()->deadline, core.now.mono + seconds(c.granted));
  }
}

TEST(Allocate, EndsExactlyWhenItsLifetimeIsOver) {
  CoreDriver core;
  CoreClient client(core, kHome);
  client.allocate();
  core.run(seconds(599));
  EXPECT_EQ(core.server->allocations(), 1U);
  // The wheel may be a second late; the allocation is dead all the same.
  core.run(seconds(2));
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(core.ports.open_leases(), 0U);
  EXPECT_EQ(core.quota.total(), 0U);
  EXPECT_EQ(core.count(&Counters::allocations_closed), 1U);
}

TEST(Allocate, IgnoresWhatStandsBehindTheIntegrity) {
  CoreDriver core;
  CoreClient client(core, kHome);
  testing::Bytes request =
      client.sealed(Method::allocate, [](auto& b) { b.add_requested_transport(17); });
  const std::array<uint8_t, 8> lifetime = {0, 0x0d, 0, 4, 0, 0, 0x0e, 0x10};
  request.insert(request.end(), lifetime.begin(), lifetime.end());
  request[3] = static_cast<uint8_t>(request[3] + 8);
  const auto answer = client.exchange(request);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->u32(AttributeType::lifetime), 600U);
}

TEST(Allocate, WorksWithoutCredentialsWhenTheOperatorSaysSo) {
  CoreDriver core;
  core.settings.auth = AuthMode::none;
  core.use_settings(core.settings);
  CoreClient client(core, kHome, "");
  const Received answer = client.allocate();
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_FALSE(answer.view().has(AttributeType::message_integrity));
}

TEST(Allocate, AnAllocationStaysUnderOneKibibyte) {
  EXPECT_LE(sizeof(Allocation), 1024U);
}

}  // namespace
}  // namespace turnpike::turn
