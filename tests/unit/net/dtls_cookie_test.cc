#include "net/dtls_cookie.h"

#include <gtest/gtest.h>

namespace turnpike::net {
namespace {

struct DtlsCookieTest : ::testing::Test {
  const Endpoint client = Endpoint::parse("192.0.2.1:1000", 0).value();
  const Endpoint server = Endpoint::parse("198.51.100.1:5349", 0).value();
  const Instant now{seconds(1000)};
  DtlsCookies cookies{DtlsCookieKey{1, 2, 3}};
};

TEST_F(DtlsCookieTest, IsValidForTheAddressesItWasMadeFor) {
  const auto cookie = cookies.make(client, server, now);
  EXPECT_TRUE(cookies.verify(cookie, client, server, now));
}

TEST_F(DtlsCookieTest, IsValidAtAWorkerWithTheSameKey) {
  DtlsCookies other(DtlsCookieKey{1, 2, 3});
  EXPECT_TRUE(other.verify(cookies.make(client, server, now), client, server, now));
}

TEST_F(DtlsCookieTest, IsWorthNothingElsewhere) {
  const auto cookie = cookies.make(client, server, now);
  EXPECT_FALSE(cookies.verify(cookie, {client.ip, 1001}, server, now));
  EXPECT_FALSE(cookies.verify(cookie, {Ip::v4(1), client.port}, server, now));
  EXPECT_FALSE(cookies.verify(cookie, client, {server.ip, 3478}, now));
  DtlsCookies stranger(DtlsCookieKey{1, 2, 4});
  EXPECT_FALSE(stranger.verify(cookie, client, server, now));
}

TEST_F(DtlsCookieTest, LivesBetweenOneAndTwoPeriods) {
  const auto cookie = cookies.make(client, server, now);
  EXPECT_TRUE(cookies.verify(cookie, client, server, now + DtlsCookies::kPeriod));
  EXPECT_FALSE(cookies.verify(cookie, client, server, now + 2 * DtlsCookies::kPeriod));
}

TEST_F(DtlsCookieTest, HasOneSize) {
  const auto cookie = cookies.make(client, server, now);
  EXPECT_FALSE(cookies.verify(ByteView(cookie).first(15), client, server, now));
  EXPECT_FALSE(cookies.verify({}, client, server, now));
}

}  // namespace
}  // namespace turnpike::net
