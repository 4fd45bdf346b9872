#include "net/icmp_errors.h"

#include <gtest/gtest.h>

#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

class IcmpErrors : public testing::UdpFamilyTest {
 protected:
  UdpSocket open_with_errors() {
    UdpSocket socket = testing::open_socket({.icmp_errors = true}, ip());
    socket.tag = 77;
    return socket;
  }
  // A port that was just closed, so that the host answers "port unreachable".
  Endpoint closed_port() { return testing::open_socket({}, ip()).local(); }

  void expect_port_unreachable(const IcmpError& error, const Endpoint& peer) {
    EXPECT_EQ(error.socket_tag, 77U);
    EXPECT_EQ(error.destination, peer);
    EXPECT_EQ(error.type, GetParam() == IpFamily::v4 ? 3 : 1);
    EXPECT_EQ(error.code, GetParam() == IpFamily::v4 ? 3 : 4);
    EXPECT_EQ(error.data, 0U);
  }
};
INSTANTIATE_TEST_SUITE_P(Families, IcmpErrors, ::testing::Values(IpFamily::v4, IpFamily::v6),
                         testing::family_name);

TEST_P(IcmpErrors, PortUnreachableMakesTheSocketReadableAndIsTaken) {
  UdpSocket out = open_with_errors();
  const Endpoint peer = closed_port();
  add(out, peer, "anyone?");
  send();
  ASSERT_TRUE(testing::wait_readable(out));
  EXPECT_TRUE(io_.receive(out, slab_).empty());
  const auto errors = io_.take_errors();
  ASSERT_EQ(errors.size(), 1U);
  expect_port_unreachable(errors[0], peer);
  EXPECT_EQ(counters().icmp_errors.get(), 1U);
  EXPECT_FALSE(testing::wait_readable(out, 0)) << "nothing is left that could make the loop spin";
  EXPECT_TRUE(io_.take_errors().empty()) << "each is told once";
}

TEST_P(IcmpErrors, ErrorOfOnePeerDoesNotCostADatagramToAnother) {
  UdpSocket out = open_with_errors();
  UdpSocket in = testing::open_socket({}, ip());
  const Endpoint peer = closed_port();
  add(out, peer, "anyone?");
  send();
  ASSERT_TRUE(testing::wait_readable(out));
  add(out, in.local(), "to a healthy peer");
  send();
  EXPECT_EQ(receive(in, 1), std::vector<std::string>{"to a healthy peer"});
  EXPECT_EQ(counters().tx_drop_unreachable.get(), 0U);
  const auto errors = io_.take_errors();
  ASSERT_EQ(errors.size(), 1U);
  expect_port_unreachable(errors[0], peer);
}

TEST_P(IcmpErrors, RunAfterAnErrorIsSentWholeAndGsoStaysOn) {
  UdpSocket out = open_with_errors();
  UdpSocket in = testing::open_socket({}, ip());
  add(out, closed_port(), "anyone?");
  send();
  ASSERT_TRUE(testing::wait_readable(out));
  std::vector<std::string> payloads;
  for (size_t i = 0; i < 8; ++i) payloads.push_back(testing::numbered(i, 100));
  for (const std::string& payload : payloads) add(out, in.local(), payload);
  send();
  EXPECT_EQ(receive(in, 8), payloads);
  EXPECT_EQ(counters().tx_gso_disabled.get(), 0U);
  EXPECT_EQ(counters().tx_gso_path_disabled.get(), 0U);
  EXPECT_EQ(counters().tx_runs.buckets()[3].get(), 1U);
}

TEST_P(IcmpErrors, DatagramsBehindAnErrorAreReceived) {
  UdpSocket out = open_with_errors();
  UdpSocket friendly = testing::open_socket({}, ip());
  add(out, closed_port(), "anyone?");
  send();
  ASSERT_TRUE(testing::wait_readable(out));
  add(friendly, out.local(), "hello");
  send();
  const auto received = io_.receive(out, slab_);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(testing::text(received[0].bytes), "hello");
  EXPECT_EQ(io_.take_errors().size(), 1U);
}

TEST_P(IcmpErrors, SocketThatDoesNotAskHearsNothing) {
  UdpSocket out = testing::open_socket({}, ip());
  add(out, closed_port(), "anyone?");
  send();
  EXPECT_FALSE(testing::wait_readable(out, 50));
  EXPECT_TRUE(io_.take_errors().empty());
}

}  // namespace
}  // namespace turnpike::net
