#include "net/interfaces.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "net/event_loop.h"
#include "unit/net/network_namespace.h"

namespace turnpike::net {
namespace {

void run(const std::string& command) {
  ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
}

void in_namespace(const std::function<void()>& body) {
  const std::optional<std::string> trouble = testing::in_network_namespace(1500, body);
  if (trouble) GTEST_SKIP() << *trouble;
}

TEST(LocalAddress, OnlyLastingOnesMayStandForTheHost) {
  const Ip ip = *Ip::parse("2001:db8::1");
  EXPECT_TRUE((LocalAddress{.ip = ip}).lasting());
  EXPECT_FALSE((LocalAddress{.ip = ip, .temporary = true}).lasting());
  EXPECT_FALSE((LocalAddress{.ip = ip, .deprecated = true}).lasting());
  EXPECT_FALSE((LocalAddress{.ip = ip, .tentative = true}).lasting());
  EXPECT_FALSE((LocalAddress{.ip = *Ip::parse("fe80::1")}).lasting());
  EXPECT_FALSE((LocalAddress{.ip = *Ip::parse("169.254.1.1")}).lasting());
}

TEST(HostAddresses, IncludeLoopback) {
  const Result<HostAddresses, SysError> host = HostAddresses::read();
  ASSERT_TRUE(host.has_value()) << host.error().to_string();
  const LocalAddress* loopback = host->find(*Ip::parse("127.0.0.1"));
  ASSERT_NE(loopback, nullptr);
  EXPECT_EQ(loopback->prefix_length, 8);
  EXPECT_TRUE(loopback->lasting());
  EXPECT_EQ(host->find(*Ip::parse("192.0.2.254")), nullptr);
}

TEST(HostAddresses, RangesAreWhateverIsDeliveredHere) {
  in_namespace([] {
    run("ip route add local 198.51.100.0/24 dev lo");
    run("ip -6 route add local 2001:db8:5::/64 dev lo");
    run("ip route add 192.0.2.0/24 via 10.77.0.2 dev near");
    const Result<HostAddresses, SysError> host = HostAddresses::read();
    ASSERT_TRUE(host.has_value());
    const auto holds = [&](std::string_view text) {
      const Ip ip = *Ip::parse(text);
      return std::any_of(host->ranges.begin(), host->ranges.end(),
                         [&](const IpRange& range) { return range.contains(ip); });
    };
    EXPECT_TRUE(holds("198.51.100.77"));
    EXPECT_TRUE(holds("2001:db8:5::77"));
    EXPECT_TRUE(holds("10.77.0.1"));
    EXPECT_TRUE(holds("fd77::1"));
    EXPECT_FALSE(holds("198.51.101.1"));
    EXPECT_FALSE(holds("192.0.2.1"));
    EXPECT_FALSE(holds("10.77.0.2"));
    EXPECT_FALSE(holds("10.77.0.255"));
    EXPECT_FALSE(holds("ff02::1"));
  });
}

TEST(HostAddresses, NoDefaultRouteNoDefaultSource) {
  in_namespace([] {
    const Result<HostAddresses, SysError> host = HostAddresses::read();
    ASSERT_TRUE(host.has_value());
    EXPECT_FALSE(host->default_v4);
    EXPECT_FALSE(host->default_v6);
  });
}

TEST(HostAddresses, DefaultSourceFollowsTheDefaultRoute) {
  in_namespace([] {
    run("ip addr add 10.78.0.1/24 dev far");
    run("ip route add default via 10.77.0.2 dev near");
    run("ip -6 route add default via fd77::2 dev near");
    const Result<HostAddresses, SysError> host = HostAddresses::read();
    ASSERT_TRUE(host.has_value());
    EXPECT_EQ(host->default_v4, testing::near_address(IpFamily::v4));
    EXPECT_EQ(host->default_v6, testing::near_address(IpFamily::v6));
  });
}

TEST(HostAddresses, DeprecatedAddressIsPassedOver) {
  in_namespace([] {
    run("ip -6 addr del fd77::1/64 dev near");
    run("ip -6 addr add fd77::bad/64 dev near preferred_lft 0 nodad");
    run("ip -6 route add default via fd77::2 dev near");
    const Result<HostAddresses, SysError> only = HostAddresses::read();
    ASSERT_TRUE(only.has_value());
    EXPECT_FALSE(only->default_v6);
    ASSERT_NE(only->find(*Ip::parse("fd77::bad")), nullptr);
    EXPECT_TRUE(only->find(*Ip::parse("fd77::bad"))->deprecated);
    run("ip -6 addr add fd77::900d/64 dev near nodad");
    EXPECT_EQ(HostAddresses::read()->default_v6, Ip::parse("fd77::900d"));
  });
}

TEST(AddressChanges, TellOfANewAddress) {
  in_namespace([] {
    Result<AddressChanges, SysError> changes = AddressChanges::open();
    ASSERT_TRUE(changes.has_value()) << changes.error().to_string();
    changes->take();
    EXPECT_FALSE(changes->take());
    EventLoop loop;
    bool told = false;
    const Watch watch = loop.watch(changes->fd(), [&] { told = changes->take() || told; });
    run("ip addr add 10.77.0.99/24 dev near");
    loop.run_turn(seconds(5));
    EXPECT_TRUE(told);
  });
}

}  // namespace
}  // namespace turnpike::net
