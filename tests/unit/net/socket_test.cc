#include "net/socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

int option(const UdpSocket& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(socket.fd(), level, name, &value, &size), 0);
  return value;
}

TEST(SockAddr, KeepsAddressesOfBothFamilies) {
  for (const char* text : {"192.0.2.7:5349", "[2001:db8::17]:3478"}) {
    const Endpoint endpoint = *Endpoint::parse(text, 0);
    SockAddr address;
    const socklen_t size = to_sockaddr(endpoint, address);
    EXPECT_EQ(size, endpoint.ip.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(from_sockaddr(address), endpoint) << text;
  }
}

TEST(SockAddr, MappedAddressComesOutAsIpv4) {
  SockAddr address{};
  address.v6.sin6_family = AF_INET6;
  address.v6.sin6_port = htons(9);
  ASSERT_EQ(::inet_pton(AF_INET6, "::ffff:192.0.2.1", &address.v6.sin6_addr), 1);
  EXPECT_EQ(from_sockaddr(address), *Endpoint::parse("192.0.2.1:9", 0));
}

TEST(SockAddr, UnknownFamilyIsTheDefaultEndpoint) {
  SockAddr address{};
  address.any.sa_family = AF_UNIX;
  EXPECT_EQ(from_sockaddr(address), Endpoint{});
}

TEST(UdpSocket, TellsThePortThatTheKernelChose) {
  const UdpSocket socket = testing::open_socket({}, testing::loopback(IpFamily::v4));
  EXPECT_EQ(socket.local().ip.to_string(), "127.0.0.1");
  EXPECT_NE(socket.local().port, 0);
}

TEST(UdpSocket, NeverSetsDfByDefault) {
  const UdpSocket v4 = testing::open_socket({}, testing::loopback(IpFamily::v4));
  EXPECT_EQ(option(v4, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_OMIT);
  const UdpSocket v6 = testing::open_socket({}, testing::loopback(IpFamily::v6));
  EXPECT_EQ(option(v6, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_DONT);
}

TEST(UdpSocket, Ipv6WildcardLeavesIpv4Alone) {
  const UdpSocket v6 = testing::open_socket({}, any_address(IpFamily::v6));
  Result<UdpSocket, SysError> v4 =
      open_udp_socket({}, {.ip = any_address(IpFamily::v4), .port = v6.local().port});
  EXPECT_TRUE(v4.has_value());
}

TEST(UdpSocket, TakenPortIsAnErrorWithTheAddressInIt) {
  const UdpSocket first = testing::open_socket({}, testing::loopback(IpFamily::v4));
  const Result<UdpSocket, SysError> second = open_udp_socket({}, first.local());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_NE(second.error().to_string().find(first.local().to_string()), std::string::npos);
}

TEST(UdpSocket, ListenersOfWorkersShareAPort) {
  const UdpOptions options{.reuse_port = true};
  const UdpSocket first = testing::open_socket(options, testing::loopback(IpFamily::v4));
  EXPECT_TRUE(open_udp_socket(options, first.local()).has_value());
}

TEST(UdpSocket, ReportsTheBuffersThatItGot) {
  const UdpSocket socket = testing::open_socket({.receive_buffer = 300'000, .send_buffer = 200'000},
                                                testing::loopback(IpFamily::v4));
  const BufferSizes sizes = buffer_sizes(socket);
  EXPECT_EQ(sizes.send, 200'000);
  // Without privilege the kernel cuts the wish to its limit.
  EXPECT_GE(sizes.receive, 100'000);
}

TEST(UdpSocket, AsksTheNetworkCardForAsLongAsTheKernelGrants) {
  const UdpSocket none = testing::open_socket({}, testing::loopback(IpFamily::v4));
  const UdpSocket some =
      testing::open_socket({.busy_poll_us = 50}, testing::loopback(IpFamily::v4));
  const int usual = busy_poll_of(none);
  const int more = usual + 51;
  const bool privileged =
      ::setsockopt(none.fd(), SOL_SOCKET, SO_BUSY_POLL, &more, sizeof(more)) == 0;
  EXPECT_EQ(busy_poll_of(some), privileged ? 50 : usual);
}

TEST(UdpSocket, FailingToMakeOneIsAnError) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Result<UdpSocket, SysError> socket = make_udp_socket({});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_FALSE(socket.has_value());
  EXPECT_EQ(socket.error().code, EMFILE);
}

}  // namespace
}  // namespace turnpike::net
