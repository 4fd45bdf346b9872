#include "config/discovery_listeners.h"

#include <gtest/gtest.h>

namespace turnpike::config {
namespace {

Config config_with(std::initializer_list<const char*> listening_ips) {
  Config config;
  config.rfc5780 = true;
  config.tls_listening_port = 0;
  for (const char* ip : listening_ips) config.listening_ips.push_back(*Ip::parse(ip));
  return config;
}

std::vector<std::string> texts(const EndpointSquare& square) {
  std::vector<std::string> result;
  for (const Endpoint& endpoint : square) result.push_back(endpoint.to_string());
  return result;
}

TEST(DiscoveryListeners, AreTwoAddressesByTwoPorts) {
  const auto squares = discovery_squares(config_with({"192.0.2.1", "192.0.2.2"}));
  ASSERT_EQ(squares.size(), 1U);
  EXPECT_EQ(texts(squares[0]), (std::vector<std::string>{"192.0.2.1:3478", "192.0.2.1:3479",
                                                         "192.0.2.2:3478", "192.0.2.2:3479"}));
}

TEST(DiscoveryListeners, HaveAPairOfTlsPortsToo) {
  Config config = config_with({"192.0.2.1", "192.0.2.2"});
  config.tls_listening_port = 5349;
  config.alt_tls_listening_port = 6000;
  const auto squares = discovery_squares(config);
  ASSERT_EQ(squares.size(), 2U);
  EXPECT_EQ(texts(squares[1])[3], "192.0.2.2:6000");
}

TEST(DiscoveryListeners, PairWithinAFamily) {
  const auto squares =
      discovery_squares(config_with({"192.0.2.1", "2001:db8::1", "2001:db8::2", "192.0.2.2"}));
  ASSERT_EQ(squares.size(), 2U);
  EXPECT_EQ(texts(squares[0])[2], "192.0.2.2:3478");
  EXPECT_EQ(texts(squares[1])[2], "[2001:db8::2]:3478");
}

TEST(DiscoveryListeners, PairNoAddressTwice) {
  EXPECT_EQ(discovery_squares(config_with({"192.0.2.1", "192.0.2.2", "192.0.2.3"})).size(), 1U);
  EXPECT_EQ(
      discovery_squares(config_with({"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"})).size(),
      2U);
}

TEST(DiscoveryListeners, NeverTellTheInternetOfLoopback) {
  EXPECT_TRUE(discovery_squares(config_with({"127.0.0.1", "192.0.2.1"})).empty());
  EXPECT_EQ(discovery_squares(config_with({"127.0.0.1", "127.0.0.2"})).size(), 1U);
}

TEST(DiscoveryListeners, PairNoWildcard) {
  EXPECT_TRUE(discovery_squares(config_with({})).empty());
  EXPECT_TRUE(discovery_squares(config_with({"0.0.0.0", "192.0.2.1"})).empty());
}

TEST(DiscoveryListeners, PairOnlyWhatClientsSeeAsTwo) {
  Config config = config_with({"10.0.0.1", "10.0.0.2"});
  config.external_ips = {{*Ip::parse("203.0.113.1"), {}}};
  EXPECT_TRUE(discovery_squares(config).empty());
  config.external_ips = {{*Ip::parse("203.0.113.1"), Ip::parse("10.0.0.1")},
                         {*Ip::parse("203.0.113.2"), Ip::parse("10.0.0.2")}};
  EXPECT_EQ(discovery_squares(config).size(), 1U);
}

TEST(DiscoveryListeners, AreOpenedOnlyForThoseWhoAsk) {
  Config config = config_with({"192.0.2.1", "192.0.2.2"});
  config.rfc5780 = false;
  EXPECT_TRUE(discovery_squares(config).empty());
  config.rfc3489_compatibility = true;
  EXPECT_EQ(discovery_squares(config).size(), 1U);
  config.no_stun = true;
  EXPECT_TRUE(discovery_squares(config).empty());
}

TEST(DiscoveryListeners, StayInTheRangeOfPorts) {
  EXPECT_EQ(alternate_of(3478, 0), 3479);
  EXPECT_EQ(alternate_of(3478, 9), 9);
  EXPECT_EQ(alternate_of(65535, 0), 65534);
}

}  // namespace
}  // namespace turnpike::config
