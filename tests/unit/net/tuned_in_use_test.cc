// Sockets that are given what traffic needs when it comes.
#include <gtest/gtest.h>
#include <netinet/udp.h>

#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

using testing::numbered;

class TunedInUse : public testing::UdpFamilyTest {
 protected:
  static int option(const UdpSocket& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof(value);
    EXPECT_EQ(::getsockopt(socket.fd(), level, name, &value, &size), 0);
    return value;
  }
  bool sets_df(const UdpSocket& socket) const {
    return GetParam() == IpFamily::v4
               ? option(socket, IPPROTO_IP, IP_MTU_DISCOVER) != IP_PMTUDISC_OMIT
               : option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER) != IPV6_PMTUDISC_DONT;
  }
  bool keeps_icmp(const UdpSocket& socket) const {
    return GetParam() == IpFamily::v4 ? option(socket, IPPROTO_IP, IP_RECVERR) == 1
                                      : option(socket, IPPROTO_IPV6, IPV6_RECVERR) == 1;
  }
  static bool counts_drops(const UdpSocket& socket) {
    return option(socket, SOL_SOCKET, SO_RXQ_OVFL) == 1;
  }
  UdpSocket open(int receive_buffer = 0) const {
    return testing::open_socket(
        {.gro = true, .icmp_errors = true, .tuned_in_use = true, .receive_buffer = receive_buffer},
        ip());
  }
  void send_run(UdpSocket& out, const UdpSocket& in, size_t count, size_t size) {
    for (size_t i = 0; i < count; ++i) add(out, in.local(), numbered(i, size));
    send();
  }
};
INSTANTIATE_TEST_SUITE_P(Families, TunedInUse, ::testing::Values(IpFamily::v4, IpFamily::v6),
                         testing::family_name);

TEST_P(TunedInUse, ANewOneHasNothing) {
  const UdpSocket socket = open();
  EXPECT_FALSE(keeps_icmp(socket));
  EXPECT_FALSE(counts_drops(socket));
  EXPECT_FALSE(socket.joins_received());
}

TEST_P(TunedInUse, TheFirstSendLeavesWithoutDfAndKeepsIcmpErrors) {
  UdpSocket socket = open();
  const Endpoint closed = [this] { return testing::open_socket({}, ip()).local(); }();
  add(socket, closed, "anybody there");
  send();
  EXPECT_FALSE(sets_df(socket));
  EXPECT_TRUE(keeps_icmp(socket));
  ASSERT_TRUE(testing::wait_readable(socket));
  EXPECT_TRUE(io_.receive(socket, slab_).empty());
  const auto errors = io_.take_errors();
  ASSERT_EQ(errors.size(), 1U) << "of the very first datagram";
  EXPECT_EQ(errors[0].destination, closed);
}

TEST_P(TunedInUse, SingleDatagramsChangeNothing) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = open();
  for (size_t i = 0; i < 100; ++i) {
    send_run(out, in, 1, 172);
    ASSERT_EQ(receive(in, 1).size(), 1U);
  }
  EXPECT_FALSE(in.joins_received());
  EXPECT_FALSE(counts_drops(in));
}

TEST_P(TunedInUse, ABurstJoinsWhatFollows) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = open(1 << 20);
  send_run(out, in, 20, 1000);
  EXPECT_EQ(receive(in, 20).size(), 20U);
  EXPECT_TRUE(in.joins_received());
  EXPECT_TRUE(counts_drops(in));
  const uint64_t joined_before = counters().rx_runs.buckets()[4].get();
  send_run(out, in, 20, 1000);
  const auto received = receive(in, 20);
  ASSERT_EQ(received.size(), 20U);
  for (size_t i = 0; i < received.size(); ++i) EXPECT_EQ(received[i], numbered(i, 1000));
  EXPECT_EQ(counters().rx_runs.buckets()[4].get(), joined_before + 1) << "they came in one piece";
}

TEST_P(TunedInUse, ABurstIsNoticedAfterManySingleDatagrams) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = open(1 << 20);
  for (size_t i = 0; i < 20; ++i) {
    send_run(out, in, 1, 172);
    ASSERT_EQ(receive(in, 1).size(), 1U);
  }
  send_run(out, in, 60, 1000);
  EXPECT_EQ(receive(in, 60).size(), 60U);
  EXPECT_TRUE(in.joins_received());
}

// The longest datagrams must fit before the kernel joins any.
TEST_P(TunedInUse, ALongDatagramIsTakenWhole) {
  UdpSocket out = testing::open_socket({.send_buffer = 1 << 20}, ip());
  UdpSocket in = open(1 << 20);
  const std::string longest = numbered(7, 60'000);
  add(out, in.local(), longest);
  send();
  EXPECT_EQ(receive(in, 1), std::vector<std::string>{longest});
}

TEST_P(TunedInUse, DropsBeforeTheFirstBurstAreToldAfterIt) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = open(4096);
  constexpr size_t kSent = 500;
  send_run(out, in, kSent, 100);
  const size_t arrived = receive(in, kSent, 0).size();
  ASSERT_LT(arrived, kSent);
  // The kernel tells with the next datagram.
  send_run(out, in, 1, 100);
  ASSERT_EQ(receive(in, 1).size(), 1U);
  EXPECT_EQ(counters().rx_drop_queue_full.get(), kSent - arrived);
}

}  // namespace
}  // namespace turnpike::net
