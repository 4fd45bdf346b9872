// What SocketDatagramIo receives, over real sockets.
#include <gtest/gtest.h>

#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

using testing::numbered;

class Receive : public testing::UdpFamilyTest {
 protected:
  void send_run(UdpSocket& out, const UdpSocket& in, size_t count, size_t size) {
    std::vector<std::string> payloads;
    for (size_t i = 0; i < count; ++i) payloads.push_back(numbered(i, size));
    for (const std::string& payload : payloads) add(out, in.local(), payload);
    send();
  }
};
INSTANTIATE_TEST_SUITE_P(Families, Receive, ::testing::Values(IpFamily::v4, IpFamily::v6),
                         testing::family_name);

TEST_P(Receive, NothingWaiting) {
  UdpSocket in = testing::open_socket({}, ip());
  EXPECT_TRUE(io_.receive(in, slab_).empty());
  EXPECT_EQ(counters().rx_errors.get(), 0U);
}

TEST_P(Receive, TellsSourceAndBoundAddress) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  add(out, in.local(), "hello");
  send();
  ASSERT_TRUE(testing::wait_readable(in));
  const auto received = io_.receive(in, slab_);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].source, out.local());
  EXPECT_EQ(received[0].local.ip, ip());
}

TEST_P(Receive, WildcardSocketTellsTheAddressThatWasAsked) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.packet_info = true, .gro = true}, any_address(GetParam()));
  add(out, {.ip = ip(), .port = in.local().port}, "hello");
  send();
  ASSERT_TRUE(testing::wait_readable(in));
  const auto received = io_.receive(in, slab_);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].local.ip, ip());
}

TEST_P(Receive, JoinedDatagramsAreCutAgain) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.gro = true}, ip());
  ASSERT_TRUE(in.joins_received());
  send_run(out, in, 30, 1000);
  ASSERT_TRUE(testing::wait_readable(in));
  const auto received = io_.receive(in, slab_);
  ASSERT_EQ(received.size(), 30U);
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(testing::text(received[i].bytes), numbered(i, 1000));
    EXPECT_EQ(received[i].source, out.local());
  }
  EXPECT_EQ(counters().rx_runs.buckets()[4].get(), 1U) << "they came in one piece";
}

TEST_P(Receive, TakesSixtyFourMessagesAtMost) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.receive_buffer = 1 << 20}, ip());
  send_run(out, in, 100, 50);
  ASSERT_TRUE(testing::wait_readable(in));
  EXPECT_EQ(io_.receive(in, slab_).size(), 64U);
  EXPECT_EQ(io_.receive(in, slab_).size(), 36U);
}

TEST_P(Receive, ManySmallReceivesFitOneSlab) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.gro = true}, ip());
  std::vector<RxDatagram> all;
  for (size_t i = 0; i < 1000; ++i) {
    const std::string payload = numbered(i, 172);
    add(out, in.local(), payload);
    send();
    ASSERT_TRUE(testing::wait_readable(in));
    for (const RxDatagram& datagram : io_.receive(in, slab_)) all.push_back(datagram);
  }
  ASSERT_EQ(all.size(), 1000U);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(testing::text(all[i].bytes), numbered(i, 172)) << "views stay good until reset()";
  }
  EXPECT_FALSE(slab_.wants_reset());
}

TEST_P(Receive, FullSlabReceivesNothingUntilReset) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.gro = true}, ip());
  add(out, in.local(), "patience");
  send();
  ASSERT_TRUE(testing::wait_readable(in));
  RxSlab small(2048, 1);
  small.keep(RxSlab::kLargeSlot, 1, 100);
  EXPECT_TRUE(io_.receive(in, small).empty());
  EXPECT_EQ(counters().rx_no_room.get(), 1U);
  small.reset();
  EXPECT_EQ(io_.receive(in, small).size(), 1U);
}

TEST_P(Receive, TruncatedDatagramIsDroppedAndCounted) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  RxSlab small(2048, 2);
  const std::string too_long = numbered(1, 2049);
  const std::string longest = numbered(2, 2048);
  add(out, in.local(), too_long);
  add(out, in.local(), longest);
  send();
  ASSERT_TRUE(testing::wait_readable(in));
  const auto received = io_.receive(in, small);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(testing::text(received[0].bytes), longest);
  EXPECT_EQ(counters().rx_drop_truncated.get(), 1U);
}

TEST_P(Receive, OverflowOfTheKernelsQueueIsCounted) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.receive_buffer = 4096}, ip());
  send_run(out, in, 500, 100);
  size_t received = receive(in, 500, 0).size();
  ASSERT_LT(received, 500U);
  // The kernel tells the count with the next datagram that it takes.
  add(out, in.local(), "last");
  send();
  received += receive(in, 1).size();
  EXPECT_EQ(received + counters().rx_drop_queue_full.get(), 501U);
  EXPECT_EQ(received, counters().rx_datagrams.get());
}

}  // namespace
}  // namespace turnpike::net
