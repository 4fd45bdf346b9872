// RFC 5780 in Binding, and RFC 3489 with a second address.
#include "turn/behavior_discovery.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;
using testing::Received;

// 192.0.2.1 and .2 by 3478 and 3479, in the order of the corners; link 10 and following.
BehaviorDiscovery square_of(std::string_view first_ip, std::string_view second_ip) {
  BehaviorDiscovery discovery;
  discovery.rfc5780 = true;
  AddressSquare& square = discovery.squares.emplace_back();
  uint32_t link = 10;
  for (const std::string_view text : {first_ip, second_ip}) {
    for (const uint16_t port : {uint16_t{3478}, uint16_t{3479}}) {
      const Endpoint local = {testing::ip(text), port};
      square.corners.at(link - 10) = {local, local, {link, 0}};
      ++link;
    }
  }
  return discovery;
}
BehaviorDiscovery square() {
  return square_of("192.0.2.1", "192.0.2.2");
}

class BehaviorDiscoveryTest : public ::testing::Test {
 protected:
  BehaviorDiscoveryTest() { use(square()); }

  void use(BehaviorDiscovery discovery) {
    core_.settings.discovery = std::make_shared<const BehaviorDiscovery>(std::move(discovery));
    core_.use_settings(core_.settings);
  }
  CoreClient client(std::string_view server = "192.0.2.1:3478",
                    Transport transport = Transport::udp) {
    return CoreClient(core_, kHome, "alice", "secret", transport, server);
  }
  Received ask(CoreClient& client, const testing::AddAttributes& add = {}) {
    return *client.exchange(testing::make_request(Method::binding, add));
  }
  static std::optional<Endpoint> plain(const Received& answer, AttributeType type) {
    const auto value = answer.view().find(type);
    return value ? stun::decode_address(*value) : std::nullopt;
  }
  static testing::AddAttributes change(bool ip, bool port) {
    return [=](auto& b) { b.add_change_request({ip, port}); };
  }
  static testing::AddAttributes response_port(uint16_t port) {
    return [=](auto& b) {
      b.add(AttributeType::response_port,
            Bytes{static_cast<uint8_t>(port >> 8), static_cast<uint8_t>(port), 0, 0});
      // Room for all that an answer may hold.
      b.add(AttributeType::software, std::string(60, 'x'));
    };
  }
  [[nodiscard]] const ToClient& sent() const { return core_.out.to_client.at(0); }

  CoreDriver core_;
};

TEST_F(BehaviorDiscoveryTest, TellsBothMappedAddressesTheOriginAndTheOtherAddress) {
  CoreClient from = client();
  const Received answer = ask(from);
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), endpoint(kHome));
  EXPECT_EQ(plain(answer, AttributeType::mapped_address), endpoint(kHome));
  EXPECT_EQ(plain(answer, AttributeType::response_origin), endpoint("192.0.2.1:3478"));
  EXPECT_EQ(plain(answer, AttributeType::other_address), endpoint("192.0.2.2:3479"));
  EXPECT_EQ(sent().link, from.route.link);
}

// RFC 5780 section 6.1, table 1, for each corner.
TEST_F(BehaviorDiscoveryTest, AnswersFromWhereTheTableSays) {
  const char* const corners[] = {"192.0.2.1:3478", "192.0.2.1:3479", "192.0.2.2:3478",
                                 "192.0.2.2:3479"};
  for (size_t at = 0; at < 4; ++at) {
    for (size_t flips = 1; flips < 4; ++flips) {
      CoreClient from = client(corners[at]);
      const Received answer = ask(from, change((flips & 2) != 0, (flips & 1) != 0));
      ASSERT_TRUE(answer.is(Class::success));
      EXPECT_EQ(sent().link, (LinkId{static_cast<uint32_t>(10 + (at ^ flips)), 0}));
      EXPECT_EQ(sent().server_ip, endpoint(corners[at ^ flips]).ip);
      EXPECT_EQ(sent().client, endpoint(kHome));
      EXPECT_EQ(plain(answer, AttributeType::response_origin), endpoint(corners[at ^ flips]));
      EXPECT_EQ(plain(answer, AttributeType::other_address), endpoint(corners[at ^ 3]));
    }
  }
}

TEST_F(BehaviorDiscoveryTest, WorksOverIpv6) {
  use(square_of("2001:db8::1", "2001:db8::2"));
  CoreClient from(core_, "[2607:f8b0::1]:7", "alice", "secret", Transport::udp,
                  "[2001:db8::2]:3478");
  const Received answer = ask(from, change(true, true));
  EXPECT_EQ(plain(answer, AttributeType::response_origin), endpoint("[2001:db8::1]:3479"));
  EXPECT_EQ(plain(answer, AttributeType::other_address), endpoint("[2001:db8::1]:3479"));
  EXPECT_EQ(sent().link, (LinkId{11, 0}));
}

TEST_F(BehaviorDiscoveryTest, AnswersAChangeRequestThatAsksForNoChange) {
  CoreClient from = client();
  EXPECT_TRUE(ask(from, change(false, false)).is(Class::success));
  EXPECT_EQ(sent().link, from.route.link);
}

TEST_F(BehaviorDiscoveryTest, NamesTheAdvertisedAddressesBehindNat) {
  BehaviorDiscovery discovery = square();
  for (Corner& corner : discovery.squares[0].corners) {
    corner.advertised.ip =
        testing::ip(corner.local.ip == testing::ip("192.0.2.1") ? "203.0.113.1" : "203.0.113.2");
  }
  discovery.advertised_ips = {{testing::ip("203.0.113.1"), testing::ip("192.0.2.1")},
                              {testing::ip("203.0.113.2"), testing::ip("192.0.2.2")}};
  use(discovery);
  CoreClient from = client();
  EXPECT_EQ(plain(ask(from), AttributeType::response_origin), endpoint("203.0.113.1:3478"));
  const Received answer = ask(from, change(true, false));
  EXPECT_EQ(plain(answer, AttributeType::response_origin), endpoint("203.0.113.2:3478"));
  EXPECT_EQ(plain(answer, AttributeType::other_address), endpoint("203.0.113.2:3479"));
  EXPECT_EQ(sent().server_ip, testing::ip("192.0.2.2"));
}

TEST_F(BehaviorDiscoveryTest, RefusesEveryChangeRequestWithOneAddress) {
  BehaviorDiscovery alone;
  alone.rfc5780 = true;
  alone.advertised_ips = {{testing::ip("203.0.113.9"), {}}};
  use(alone);
  CoreClient from = client();
  for (const bool port : {false, true}) {
    const Received refused = ask(from, change(false, port));
    EXPECT_EQ(refused.error(), 420);
    EXPECT_EQ(
        stun::decode_unknown_attributes(*refused.view().find(AttributeType::unknown_attributes)),
        std::vector{AttributeType::change_request});
  }
  const Received answer = ask(from);
  EXPECT_FALSE(answer.view().has(AttributeType::other_address));
  EXPECT_EQ(plain(answer, AttributeType::response_origin), endpoint("203.0.113.9:3478"));
}

TEST_F(BehaviorDiscoveryTest, ServesAnAddressOutsideTheSquareLikeTheOnlyOne) {
  CoreClient from = client("192.0.2.3:3478");
  EXPECT_EQ(ask(from, change(true, true)).error(), 420);
  EXPECT_FALSE(ask(from).view().has(AttributeType::other_address));
}

TEST_F(BehaviorDiscoveryTest, RefusesAnotherWayBackOverAStreamOrDtls) {
  for (const Transport transport : {Transport::tcp, Transport::tls, Transport::dtls}) {
    CoreClient from = client("192.0.2.1:3478", transport);
    EXPECT_EQ(ask(from, change(true, false)).error(), 420);
    EXPECT_EQ(ask(from, response_port(5)).error(), 420);
    EXPECT_EQ(plain(ask(from), AttributeType::other_address), endpoint("192.0.2.2:3479"))
        << "what a test of the mapping goes to next";
  }
}

TEST_F(BehaviorDiscoveryTest, AnswersToTheResponsePortOfTheSameAddress) {
  CoreClient from = client();
  const Received answer = ask(from, response_port(5000));
  ASSERT_TRUE(answer.is(Class::success));
  EXPECT_EQ(sent().client, endpoint("8.8.8.8:5000"));
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), endpoint(kHome));
  EXPECT_TRUE(answer.view().has(AttributeType::other_address));
}

TEST_F(BehaviorDiscoveryTest, CombinesResponsePortAndChangeRequest) {
  CoreClient from = client();
  ask(from, [](auto& b) {
    b.add(AttributeType::response_port, Bytes{0x13, 0x88});
    b.add_change_request({true, true});
  });
  EXPECT_EQ(sent().client, endpoint("8.8.8.8:5000"));
  EXPECT_EQ(sent().link, (LinkId{13, 0}));
}

TEST_F(BehaviorDiscoveryTest, AnswersToOtherPortsAreFew) {
  CoreClient from = client();
  size_t redirected = 0;
  for (int i = 0; i < 200; ++i) {
    redirected +=
        from.exchange(testing::make_request(Method::binding, response_port(5000))) ? 1 : 0;
  }
  EXPECT_EQ(redirected, kRedirectedBurst);
  EXPECT_EQ(core_.count(&Counters::drop_rate_limited), 200U - kRedirectedBurst);
  // His own port is not somebody else's.
  EXPECT_TRUE(from.exchange(testing::make_request(Method::binding, response_port(40000))));
  core_.advance(seconds(1));
  EXPECT_TRUE(from.exchange(testing::make_request(Method::binding, response_port(5000))));
}

TEST_F(BehaviorDiscoveryTest, RejectsWhatCannotBe) {
  CoreClient from = client();
  EXPECT_EQ(ask(from, response_port(0)).error(), 400);
  EXPECT_EQ(ask(from, [](auto& b) { b.add_empty(AttributeType::response_port); }).error(), 400);
  EXPECT_EQ(ask(from, [](auto& b) { b.add_empty(AttributeType::change_request); }).error(), 400);
  // Section 7.5.
  const Received both = ask(from, [](auto& b) {
    b.add(AttributeType::padding, std::string(200, 'x'));
    b.add(AttributeType::response_port, Bytes{0x13, 0x88, 0, 0});
  });
  EXPECT_EQ(both.error(), 400);
  EXPECT_EQ(sent().client, endpoint(kHome)) << "an error goes to him who asked";
}

TEST_F(BehaviorDiscoveryTest, StillRefusesUnknownAttributes) {
  CoreClient from = client();
  const Received answer = ask(from, [](auto& b) {
    b.add_change_request({true, true});
    b.add_u32(static_cast<AttributeType>(0x7777), 1);
  });
  EXPECT_EQ(answer.error(), 420);
  EXPECT_EQ(stun::decode_unknown_attributes(*answer.view().find(AttributeType::unknown_attributes)),
            std::vector{static_cast<AttributeType>(0x7777)});
}

TEST_F(BehaviorDiscoveryTest, PaddingDrawsNoMoreThanWasSent) {
  for (const std::string_view home : {kHome, std::string_view("[2607:f8b0::1]:7")}) {
    CoreClient from(core_, home);
    for (size_t size = 0; size < 2000; size += 13) {
      const Bytes request = testing::make_request(
          Method::binding, [&](auto& b) { b.add(AttributeType::padding, Bytes(size)); });
      const auto answer = from.exchange(request);
      ASSERT_TRUE(answer);
      const size_t bare = testing::endpoint(home).ip.is_v4() ? 32 : 44;
      EXPECT_LE(answer->bytes.size(), std::max(request.size(), bare)) << size;
      EXPECT_TRUE(answer->view().has(AttributeType::xor_mapped_address));
    }
  }
}

TEST_F(BehaviorDiscoveryTest, PaddingIsOneEthernetFrameAndZeros) {
  CoreClient from = client();
  const Received answer =
      ask(from, [](auto& b) { b.add(AttributeType::padding, std::string(1800, 'x')); });
  const auto padding = answer.view().find(AttributeType::padding);
  ASSERT_TRUE(padding);
  EXPECT_EQ(padding->size(), kPaddingSize);
  EXPECT_TRUE(std::all_of(padding->begin(), padding->end(), [](uint8_t b) { return b == 0; }));
  EXPECT_TRUE(answer.view().has(AttributeType::other_address));
}

TEST_F(BehaviorDiscoveryTest, ResponsePortDrawsNoMoreThanWasSent) {
  core_.settings.software = "a server with a name";
  core_.settings.error_limit = {};
  core_.use_settings(core_.settings);
  for (const std::string_view home : {kHome, std::string_view("[2607:f8b0::1]:7")}) {
    CoreClient from(core_, home);
    const size_t bare = from.route.tuple.client.ip.is_v4() ? 32 : 44;
    for (const bool fingerprint : {false, true}) {
      for (size_t size = 0; size < 120; ++size) {
        core_.advance(seconds(1));
        const Bytes request = testing::make_request(Method::binding, [&](auto& b) {
          b.add(AttributeType::response_port, Bytes{0x13, 0x88, 0, 0});
          if (size > 0) b.add(AttributeType::software, std::string(size - 1, 'x'));
          if (fingerprint) b.add_fingerprint();
        });
        const auto answer = from.exchange(request);
        ASSERT_TRUE(answer);
        if (request.size() < bare + (fingerprint ? 8 : 0)) {
          EXPECT_EQ(answer->error(), 400) << size;
          EXPECT_EQ(answer->client, from.route.tuple.client) << "an error goes to him who asked";
          continue;
        }
        ASSERT_TRUE(answer->is(Class::success)) << size;
        EXPECT_EQ(answer->client.port, 5000);
        EXPECT_LE(answer->bytes.size(), request.size()) << size;
        EXPECT_EQ(answer->view().has_fingerprint(), fingerprint);
        EXPECT_FALSE(answer->view().has(AttributeType::software));
      }
    }
  }
}

TEST_F(BehaviorDiscoveryTest, AnAnswerToTheAskersOwnPortNeedsNoRoom) {
  core_.settings.software = "a server with a name";
  core_.use_settings(core_.settings);
  CoreClient from = client();
  const auto answer = from.exchange(testing::make_request(Method::binding, [](auto& b) {
    b.add(AttributeType::response_port, Bytes{0x9c, 0x40, 0, 0});
  }));
  EXPECT_TRUE(answer->is(Class::success));
  EXPECT_TRUE(answer->view().has(AttributeType::software));
}

TEST_F(BehaviorDiscoveryTest, GivesWhoHasCredentialsTheWholeAnswer) {
  core_.settings.authenticate_binding = true;
  core_.use_settings(core_.settings);
  CoreClient from = client();
  const Received answer = from.request(Method::binding, [](auto& b) {
    b.add_empty(AttributeType::padding);
    b.add_change_request({true, false});
  });
  ASSERT_TRUE(answer.is(Class::success));
  EXPECT_EQ(answer.view().find(AttributeType::padding)->size(), kPaddingSize);
  EXPECT_TRUE(answer.view().has(AttributeType::message_integrity));
  EXPECT_EQ(sent().link, (LinkId{12, 0}));
  EXPECT_EQ(balance_of(core_), testing::Balance());
}

TEST_F(BehaviorDiscoveryTest, IgnoresWhatStandsBehindTheIntegrity) {
  CoreClient from = client();
  const Received answer = ask(from, [](auto& b) {
    b.add(AttributeType::message_integrity, Bytes(20));
    b.add_change_request({true, true});
  });
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_EQ(sent().link, from.route.link);
}

TEST_F(BehaviorDiscoveryTest, IsUnderTheLimitOfBinding) {
  core_.settings.binding_limit = {1, 1};
  core_.use_settings(core_.settings);
  CoreClient from = client();
  EXPECT_TRUE(from.exchange(testing::make_request(Method::binding, change(true, true))));
  EXPECT_FALSE(from.exchange(testing::make_request(Method::binding, change(true, true))));
}

// A Binding request of RFC 3489 with a CHANGE-REQUEST.
Bytes classic(uint8_t flags) {
  Bytes bytes = {0x00, 0x01, 0x00, 0x08};
  for (uint8_t i = 1; i <= 16; ++i) bytes.push_back(i);
  bytes.insert(bytes.end(), {0, 3, 0, 4, 0, 0, 0, flags});
  return bytes;
}

class ClassicSecondAddressTest : public BehaviorDiscoveryTest {
 protected:
  ClassicSecondAddressTest() {
    core_.settings.classic_stun = true;
    BehaviorDiscovery discovery = square();
    discovery.rfc5780 = false;
    use(discovery);
  }
  Bytes answer_to(CoreClient& from, uint8_t flags) {
    core_.client_packet(from.route, classic(flags));
    EXPECT_EQ(core_.to_client.size(), 1U);
    return core_.to_client.at(0).bytes;
  }
};

TEST_F(ClassicSecondAddressTest, AnswersFromWhereTheTableSays) {
  CoreClient from = client();
  const char* const origins[] = {"192.0.2.1:3478", "192.0.2.1:3479", "192.0.2.2:3478",
                                 "192.0.2.2:3479"};
  for (const size_t corner : {0U, 1U, 2U, 3U}) {
    const Bytes bytes = answer_to(from, static_cast<uint8_t>(corner << 1));
    const auto answer = *stun::MessageView::parse_classic(bytes);
    EXPECT_EQ(stun::decode_address(*answer.find(AttributeType::source_address)),
              endpoint(origins[corner]));
    EXPECT_EQ(stun::decode_address(*answer.find(AttributeType::changed_address)),
              endpoint("192.0.2.2:3479"));
    EXPECT_EQ(sent().link,
              corner == 0 ? from.route.link : (LinkId{static_cast<uint32_t>(10 + corner), 0}));
  }
}

TEST_F(ClassicSecondAddressTest, RefusesAChangeOverTcp) {
  CoreClient from = client("192.0.2.1:3478", Transport::tcp);
  EXPECT_EQ(answer_to(from, 6)[1], 0x11);
}

TEST_F(ClassicSecondAddressTest, LeavesTodaysClientsWithoutRfc5780) {
  CoreClient from = client();
  EXPECT_EQ(ask(from, change(true, true)).error(), 420);
  EXPECT_EQ(ask(from).bytes.size(), 32U);
}

}  // namespace
}  // namespace turnpike::turn
