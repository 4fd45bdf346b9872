// Options that name other machines: load balancers in front of us, and servers beside us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "world.h"

namespace turnpike::config {
namespace {

using ::testing::HasSubstr;

AlternateServer alternate(const char* address, std::vector<Transport> transports) {
  return {*Endpoint::parse(address, 0), std::move(transports)};
}

TEST(AlternateServerOptions, KnowWhomTheyAreFor) {
  const Config config = load_text(
                            "alternate-server=192.0.2.1:9\nudp-alternate-server=192.0.2.2:9\n"
                            "tcp-alternate-server=192.0.2.3:9\ntls-alternate-server=192.0.2.4:9")
                            .config;
  EXPECT_EQ(
      config.alternate_servers,
      (std::vector<AlternateServer>{alternate("192.0.2.1:9", {Transport::udp, Transport::tcp}),
                                    alternate("192.0.2.2:9", {Transport::udp}),
                                    alternate("192.0.2.3:9", {Transport::tcp}),
                                    alternate("192.0.2.4:9", {Transport::tls, Transport::dtls})}));
}

TEST(AlternateServerOptions, HaveThePortsOfTheRfc) {
  const Config config =
      load_text("alternate-server=2001:db8::1\ntls-alternate-server=[2001:db8::2]").config;
  ASSERT_EQ(config.alternate_servers.size(), 2U);
  EXPECT_EQ(config.alternate_servers[0].address.to_string(), "[2001:db8::1]:3478");
  EXPECT_EQ(config.alternate_servers[1].address.to_string(), "[2001:db8::2]:5349");
}

TEST(AlternateServerOptions, TakeAddressesOnly) {
  for (const char* value :
       {"turn.example.org", "192.0.2.1:0", "192.0.2.1:70000", "0.0.0.0", "::"}) {
    const LoadResult result = load_text(std::string("alternate-server=") + value);
    ASSERT_EQ(result.errors.size(), 1U) << value;
    EXPECT_THAT(result.errors[0].message, HasSubstr("must be ADDRESS"));
  }
}

TEST(AlternateServerOptions, AreNotTooMany) {
  std::string text;
  for (int i = 1; i <= 65; ++i) text += "alternate-server=192.0.2." + std::to_string(i) + "\n";
  EXPECT_THAT(report_text(load_text(text)), HasSubstr("more than 64"));
}

TEST(ProxyOptions, GatherPortsAndSources) {
  const Config config = load_text(
                            "tcp-proxy-port=4000\ntcp-proxy-port=4001\nproxy-from=10.0.0.0/8\n"
                            "proxy-from=2001:db8::1\nproxy-from=192.0.2.1-192.0.2.9")
                            .config;
  EXPECT_EQ(config.tcp_proxy_ports, (std::vector<uint16_t>{4000, 4001}));
  ASSERT_EQ(config.proxy_sources.size(), 3U);
  EXPECT_TRUE(config.proxy_sources[0].contains(*Ip::parse("10.255.0.1")));
  EXPECT_TRUE(config.proxy_sources[2].contains(*Ip::parse("192.0.2.9")));
}

TEST(ProxyOptions, RefuseWhatIsNeitherPortNorNetwork) {
  EXPECT_EQ(load_text("tcp-proxy-port=0\nproxy-from=10.0.0.1").errors.size(), 1U);
  EXPECT_EQ(load_text("tcp-proxy-port=4000\nproxy-from=balancer.local\nproxy-from=10.0.0.1")
                .errors.size(),
            1U);
}

}  // namespace
}  // namespace turnpike::config
