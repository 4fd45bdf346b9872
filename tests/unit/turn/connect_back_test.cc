// ConnectBack: who may have a connection opened, whereto, and how often.
#include "stun/connect_back.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"
#include "turn/limits.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::kConnectBackMethod;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;
using testing::Received;

class ConnectBackTest : public ::testing::Test {
 protected:
  ConnectBackTest() {
    core_.settings.tcp_connect_back = true;
    core_.use_settings(core_.settings);
  }

  void use_two_addresses() {
    BehaviorDiscovery discovery;
    discovery.rfc5780 = true;
    AddressSquare& square = discovery.squares.emplace_back();
    const std::array corners = {"192.0.2.1:3478", "192.0.2.1:3479", "192.0.2.2:3478",
                                "192.0.2.2:3479"};
    for (uint32_t i = 0; i < 4; ++i) {
      square.corners.at(i) = {endpoint(corners.at(i)), endpoint(corners.at(i)), {10 + i, 0}};
    }
    core_.settings.discovery = std::make_shared<const BehaviorDiscovery>(std::move(discovery));
    core_.use_settings(core_.settings);
  }
  CoreClient client(std::string_view from = kHome, const std::string& user = "alice") {
    return CoreClient(core_, from, user, "secret", Transport::tcp);
  }
  [[nodiscard]] std::vector<ConnectBack> wanted() const { return core_.effects<ConnectBack>(); }
  static testing::AddAttributes other_address() {
    return [](auto& b) { b.add_change_request({.change_ip = true, .change_port = false}); };
  }
  static testing::AddAttributes port(uint16_t port) {
    return [=](auto& b) {
      b.add(AttributeType::response_port,
            Bytes{static_cast<uint8_t>(port >> 8), static_cast<uint8_t>(port), 0, 0});
    };
  }

  CoreDriver core_;
};

TEST_F(ConnectBackTest, GoesToWhereTheRequestCameFrom) {
  CoreClient alice = client();
  const Received answer = alice.request(kConnectBackMethod);
  EXPECT_TRUE(answer.is(Class::success));
  EXPECT_EQ(answer.address(AttributeType::xor_mapped_address), endpoint(kHome));
  ASSERT_EQ(wanted().size(), 1u);
  EXPECT_EQ(wanted()[0].target, endpoint(kHome));
  EXPECT_EQ(wanted()[0].source, testing::ip("192.0.2.1"));
}

TEST_F(ConnectBackTest, GoesToAnotherPortOfTheSameAddress) {
  CoreClient alice = client();
  EXPECT_TRUE(alice.request(kConnectBackMethod, port(5060)).is(Class::success));
  ASSERT_EQ(wanted().size(), 1u);
  EXPECT_EQ(wanted()[0].target, endpoint("8.8.8.8:5060"));
  EXPECT_EQ(alice.request(kConnectBackMethod, port(0)).error(), 400);
  EXPECT_TRUE(wanted().empty());
}

TEST_F(ConnectBackTest, ComesFromTheOtherAddressWhereThereIsOne) {
  CoreClient alice = client();
  EXPECT_EQ(alice.request(kConnectBackMethod, other_address()).error(), 420);
  EXPECT_TRUE(wanted().empty());
  use_two_addresses();
  EXPECT_TRUE(alice.request(kConnectBackMethod, other_address()).is(Class::success));
  ASSERT_EQ(wanted().size(), 1u);
  EXPECT_EQ(wanted()[0].source, testing::ip("192.0.2.2"));
}

TEST_F(ConnectBackTest, StrangersGetAChallengeAndNothingElse) {
  CoreClient stranger = client(kHome, "");
  const auto answer = stranger.exchange(testing::make_request(kConnectBackMethod));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 401);
  EXPECT_TRUE(wanted().empty());
  CoreClient liar(core_, kHome, "alice", "wrong", Transport::tcp);
  EXPECT_EQ(liar.request(kConnectBackMethod).error(), 401);
  EXPECT_TRUE(wanted().empty());
}

TEST_F(ConnectBackTest, IsAnUnknownMethodWhereItIsOffOrNobodyIsKnown) {
  for (const bool on : {false, true}) {
    core_.settings.tcp_connect_back = on;
    core_.settings.auth = on ? AuthMode::none : AuthMode::long_term;
    core_.use_settings(core_.settings);
    CoreClient alice = client();
    EXPECT_FALSE(alice.exchange(testing::make_request(kConnectBackMethod)));
    EXPECT_TRUE(wanted().empty());
  }
}

TEST_F(ConnectBackTest, AUserHasHisLimitWhereverHeIs) {
  for (uint32_t i = 0; i < kConnectBacksBurst; ++i) {
    CoreClient alice = client("8.8.4." + std::to_string(i + 1) + ":40000");
    ASSERT_TRUE(alice.request(kConnectBackMethod).is(Class::success)) << i;
  }
  EXPECT_EQ(client("8.8.4.200:40000").request(kConnectBackMethod).error(), 508);
  EXPECT_TRUE(wanted().empty());
  core_.add_user("bob", "secret");
  core_.publish_users();
  EXPECT_TRUE(client("8.8.4.201:40000", "bob").request(kConnectBackMethod).is(Class::success));
  core_.advance(seconds(1));
  EXPECT_TRUE(client("8.8.4.202:40000").request(kConnectBackMethod).is(Class::success));
}

TEST_F(ConnectBackTest, AnAddressHasItsLimitWhoeverIsThere) {
  for (uint32_t i = 0; i <= kConnectBacksBurst; ++i) {
    core_.add_user("user" + std::to_string(i), "secret");
  }
  core_.publish_users();
  for (uint32_t i = 0; i < kConnectBacksBurst; ++i) {
    ASSERT_TRUE(
        client(kHome, "user" + std::to_string(i)).request(kConnectBackMethod).is(Class::success))
        << i;
  }
  const std::string last = "user" + std::to_string(kConnectBacksBurst);
  EXPECT_EQ(client(kHome, last).request(kConnectBackMethod).error(), 508);
  EXPECT_TRUE(client("8.8.4.4:1", last).request(kConnectBackMethod).is(Class::success));
}

}  // namespace
}  // namespace turnpike::turn
