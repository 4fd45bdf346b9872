// RFC 8489 section 10: Allocate requests that are sent to other servers.
#include "turn/redirect.h"

#include <set>

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;
using testing::Received;

class RedirectTest : public ::testing::Test {
 protected:
  using List = std::vector<AlternateServer>;

  void use(List alternates, std::vector<Endpoint> own = {}) {
    core_.server->use_alternates(std::make_shared<const List>(std::move(alternates)),
                                 std::move(own));
  }
  static AlternateServer plain(std::string_view address) {
    return {endpoint(address), {Transport::udp, Transport::tcp}};
  }
  // Each time another client, since a five-tuple gets one allocation.
  CoreClient client(Transport transport = Transport::udp, std::string_view ip = "8.8.8.8") {
    const std::string host =
        ip.find(':') == std::string_view::npos ? std::string(ip) : "[" + std::string(ip) + "]";
    return CoreClient(core_, host + ":" + std::to_string(++port_), "alice", "secret", transport);
  }
  // Where a new client is sent; nothing when it is served here.
  std::optional<Endpoint> sent_to(Transport transport = Transport::udp,
                                  std::string_view ip = "8.8.8.8") {
    CoreClient from = client(transport, ip);
    const Received answer = from.allocate();
    if (answer.is(Class::success)) return {};
    EXPECT_EQ(answer.error(), 300);
    const auto value = answer.view().find(AttributeType::alternate_server);
    return value ? stun::decode_address(*value) : std::nullopt;
  }

  CoreDriver core_;
  uint16_t port_ = 40000;
};

TEST_F(RedirectTest, ServesEverybodyHereWithoutAlternates) {
  EXPECT_EQ(sent_to(), std::nullopt);
  use({});
  EXPECT_EQ(sent_to(), std::nullopt);
}

TEST_F(RedirectTest, IsAnErrorWithTheAddressAndWithIntegrity) {
  use({plain("203.0.113.5:3478")});
  CoreClient from = client();
  const Received answer = from.allocate();
  EXPECT_EQ(answer.error(), 300);
  EXPECT_EQ(stun::decode_address(*answer.view().find(AttributeType::alternate_server)),
            endpoint("203.0.113.5:3478"));
  EXPECT_TRUE(answer.view().has(AttributeType::message_integrity));
  EXPECT_EQ(core_.server->allocations(), 0U);
  EXPECT_EQ(core_.count(&Counters::redirects), 1U);
  EXPECT_EQ(balance_of(core_), testing::Balance());
}

TEST_F(RedirectTest, GoesToAllInTurn) {
  use({plain("203.0.113.5:3478"), plain("203.0.113.6:3478"), plain("203.0.113.7:3478")});
  std::multiset<std::string> places;
  for (int i = 0; i < 9; ++i) places.insert(sent_to()->to_string());
  EXPECT_EQ(places.count("203.0.113.5:3478"), 3U);
  EXPECT_EQ(places.count("203.0.113.6:3478"), 3U);
  EXPECT_EQ(places.count("203.0.113.7:3478"), 3U);
}

TEST_F(RedirectTest, KeepsToTheFamilyOfTheClient) {
  use({plain("203.0.113.5:3478"), plain("[2001:db8::5]:3478")});
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(sent_to(), endpoint("203.0.113.5:3478"));
    EXPECT_EQ(sent_to(Transport::udp, "2607:f8b0::1"), endpoint("[2001:db8::5]:3478"));
  }
  use({plain("203.0.113.5:3478")});
  EXPECT_EQ(sent_to(Transport::udp, "2607:f8b0::1"), std::nullopt);
}

TEST_F(RedirectTest, KeepsToTheTransportOfTheClient) {
  use({{endpoint("203.0.113.5:3478"), {Transport::udp}},
       {endpoint("203.0.113.6:3478"), {Transport::tcp}},
       {endpoint("203.0.113.7:5349"), {Transport::tls, Transport::dtls}}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sent_to(Transport::udp), endpoint("203.0.113.5:3478"));
    EXPECT_EQ(sent_to(Transport::tcp), endpoint("203.0.113.6:3478"));
    EXPECT_EQ(sent_to(Transport::tls), endpoint("203.0.113.7:5349"));
    EXPECT_EQ(sent_to(Transport::dtls), endpoint("203.0.113.7:5349"));
  }
}

TEST_F(RedirectTest, LeavesTheListedServerItselfItsShare) {
  use({plain("192.0.2.1:3478"), plain("203.0.113.6:3478")});
  int here = 0;
  for (int i = 0; i < 6; ++i) here += sent_to() ? 0 : 1;
  EXPECT_EQ(here, 3);
}

TEST_F(RedirectTest, SendsNobodyToAnotherAddressOfItsOwn) {
  const AlternateServer own = plain("198.51.100.7:3478");
  use({own}, {own.address});
  EXPECT_EQ(sent_to(), std::nullopt);
  use({own, plain("203.0.113.6:3478")}, {own.address});
  int here = 0;
  for (int i = 0; i < 6; ++i) here += sent_to() ? 0 : 1;
  EXPECT_EQ(here, 3);
}

TEST_F(RedirectTest, TellsStrangersNothing) {
  use({plain("203.0.113.5:3478")});
  CoreClient from = client();
  const auto answer = from.exchange(
      testing::make_request(Method::allocate, [](auto& b) { b.add_requested_transport(17); }));
  EXPECT_EQ(answer->error(), 401);
  EXPECT_FALSE(answer->view().has(AttributeType::alternate_server));
  EXPECT_TRUE(from.exchange(testing::make_request(Method::binding))->is(Class::success));
}

TEST_F(RedirectTest, LeavesWhoIsHereAlone) {
  CoreClient from = client();
  ASSERT_TRUE(from.allocate().is(Class::success));
  use({plain("203.0.113.5:3478")});
  EXPECT_TRUE(from.repeat().is(Class::success)) << "the same request again";
  EXPECT_EQ(from.allocate().error(), 437);
  EXPECT_TRUE(from.refresh(600).is(Class::success));
  EXPECT_TRUE(from.permit({"8.8.4.4"}).is(Class::success));
}

TEST_F(RedirectTest, LetsAReservationBeClaimedHere) {
  CoreClient first = client();
  const Received reserved = first.allocate([](auto& b) { b.add_even_port(true); });
  ASSERT_TRUE(reserved.is(Class::success));
  const auto token = *stun::decode_u64(*reserved.view().find(AttributeType::reservation_token));
  use({plain("203.0.113.5:3478")});
  CoreClient second = client();
  EXPECT_TRUE(second.allocate([&](auto& b) { b.add_u64(AttributeType::reservation_token, token); })
                  .is(Class::success));
}

TEST_F(RedirectTest, SaysFirstWhatIsWrongWithTheRequest) {
  use({plain("203.0.113.5:3478")});
  CoreClient from = client();
  EXPECT_EQ(from.request(Method::allocate).error(), 400);
}

TEST_F(RedirectTest, GoesOnWhileDraining) {
  use({plain("203.0.113.5:3478")});
  core_.server->set_admission(Admission::closed);
  EXPECT_EQ(sent_to(), endpoint("203.0.113.5:3478"));
}

TEST_F(RedirectTest, WorksWithoutCredentials) {
  core_.settings.auth = AuthMode::none;
  core_.use_settings(core_.settings);
  use({plain("203.0.113.5:3478")});
  CoreClient from = client();
  const auto answer = from.exchange(
      testing::make_request(Method::allocate, [](auto& b) { b.add_requested_transport(17); }));
  EXPECT_EQ(answer->error(), 300);
  EXPECT_TRUE(answer->view().has(AttributeType::alternate_server));
}

}  // namespace
}  // namespace turnpike::turn
