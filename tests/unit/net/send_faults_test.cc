// How sending goes on when the kernel says no. The refusals are injected.
#include <gtest/gtest.h>

#include "unit/net/faults.h"
#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

using testing::has_segment_size;
using testing::numbered;
using testing::ScopedSendFault;

class SendFaults : public testing::UdpTest {
 protected:
  void add_run(const Endpoint& to, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      add(out_, to, numbered(i, 200));
    }
  }
  void add_run(size_t count) { add_run(in_.local(), count); }
  std::vector<std::string> received(size_t count) { return receive(in_, count, 200); }

  UdpSocket out_ = testing::open_socket({}, testing::loopback(IpFamily::v4));
  UdpSocket in_ = testing::open_socket({}, testing::loopback(IpFamily::v4));
};

class GsoForGood : public SendFaults, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Errors, GsoForGood, ::testing::Values(EIO, ENOPROTOOPT));

TEST_P(GsoForGood, FallsBackToPlainSendsOfThatSocket) {
  const ScopedSendFault fault(
      [](const msghdr& message) { return has_segment_size(message) ? GetParam() : 0; });
  add_run(10);
  send();
  EXPECT_EQ(received(10).size(), 10U) << "the refused run was sent again, singly";
  EXPECT_EQ(counters().tx_gso_disabled.get(), 1U);

  now_ += std::chrono::hours(10);
  const size_t before = fault.tries();
  add_run(10);
  send();
  EXPECT_EQ(received(10).size(), 10U);
  EXPECT_EQ(fault.tries() - before, 10U) << "no run was tried again";
  EXPECT_EQ(counters().tx_gso_disabled.get(), 1U);

  UdpSocket healthy = testing::open_socket({}, testing::loopback(IpFamily::v4));
  add(healthy, in_.local(), "one");
  add(healthy, in_.local(), "two");
  send();
  EXPECT_EQ(counters().tx_gso_disabled.get(), 2U) << "another socket finds out by itself";
}

class GsoForAMinute : public SendFaults, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Errors, GsoForAMinute, ::testing::Values(EMSGSIZE, EINVAL));

TEST_P(GsoForAMinute, NarrowPathGetsPlainSendsForSixtySeconds) {
  bool narrow = true;
  const ScopedSendFault fault(
      [&](const msghdr& message) { return narrow && has_segment_size(message) ? GetParam() : 0; });
  add_run(5);
  send();
  EXPECT_EQ(received(5).size(), 5U);
  EXPECT_EQ(counters().tx_gso_path_disabled.get(), 1U);

  now_ += seconds(59);
  add_run(5);
  send();
  EXPECT_EQ(received(5).size(), 5U);
  EXPECT_EQ(counters().tx_gso_path_disabled.get(), 1U) << "not tried again";

  narrow = false;
  now_ += seconds(1);
  add_run(5);
  send();
  EXPECT_EQ(received(5).size(), 5U);
  EXPECT_EQ(counters().tx_runs.buckets()[2].get(), 1U) << "a run again";
  EXPECT_EQ(counters().tx_gso_disabled.get(), 0U);
}

TEST_F(SendFaults, NarrowPathDoesNotTouchOtherDestinations) {
  UdpSocket other = testing::open_socket({}, *Ip::parse("127.0.0.2"));
  const ScopedSendFault fault([&](const msghdr& message) {
    const auto* to = static_cast<const SockAddr*>(message.msg_name);
    return has_segment_size(message) && from_sockaddr(*to) == in_.local() ? EMSGSIZE : 0;
  });
  add_run(5);
  add_run(other.local(), 5);
  send();
  EXPECT_EQ(counters().tx_runs.buckets()[2].get(), 1U);
  EXPECT_EQ(received(5).size(), 5U);
  EXPECT_EQ(receive(other, 5).size(), 5U);
}

TEST_F(SendFaults, FullSendBufferDropsTheRestOfThatSocketOnly) {
  UdpSocket other = testing::open_socket({}, testing::loopback(IpFamily::v4));
  const ScopedSendFault fault(
      [](const msghdr& message) { return message.msg_iov->iov_len == 101 ? EAGAIN : 0; });
  // Different sizes, so that each is a message of its own.
  for (size_t i = 0; i < 100; ++i) add(out_, in_.local(), numbered(i, 100 + i));
  add(other, in_.local(), "other");
  send();
  EXPECT_EQ(received(2).size(), 2U);
  EXPECT_EQ(counters().tx_drop_would_block.get(), 99U);
  EXPECT_EQ(counters().tx_datagrams.get(), 2U);
}

TEST_F(SendFaults, FullSendBufferDropsALoneDatagram) {
  const ScopedSendFault fault([](const msghdr&) { return EAGAIN; });
  add(out_, in_.local(), "one piece");
  send();
  add(out_, in_.local(), "with a mark", {.ttl = 17});
  send();
  EXPECT_EQ(counters().tx_drop_would_block.get(), 2U);
}

TEST_F(SendFaults, InterruptedCallsAreMadeAgain) {
  int interruptions = 2;
  const ScopedSendFault fault([&](const msghdr&) { return interruptions-- > 0 ? EINTR : 0; });
  add(out_, in_.local(), "sent");
  send();
  EXPECT_EQ(received(1), std::vector<std::string>{"sent"});
  EXPECT_EQ(counters().tx_calls.get(), 3U);
}

struct DropCase {
  int error;
  const Counter IoCounters::*counter;
};

class Dropped : public SendFaults, public ::testing::WithParamInterface<DropCase> {};
INSTANTIATE_TEST_SUITE_P(Reasons, Dropped,
                         ::testing::Values(DropCase{ENOBUFS, &IoCounters::tx_drop_no_buffers},
                                           DropCase{ENOMEM, &IoCounters::tx_drop_no_buffers},
                                           DropCase{EPERM, &IoCounters::tx_drop_not_permitted},
                                           DropCase{EACCES, &IoCounters::tx_drop_not_permitted},
                                           DropCase{ENETUNREACH, &IoCounters::tx_drop_unreachable},
                                           DropCase{EHOSTUNREACH, &IoCounters::tx_drop_unreachable},
                                           DropCase{EADDRNOTAVAIL, &IoCounters::tx_drop_other}));

TEST_P(Dropped, CostsThatMessageOnly) {
  const ScopedSendFault fault(
      [](const msghdr& message) { return message.msg_iov->iov_len == 101 ? GetParam().error : 0; });
  for (const size_t size : {100U, 101U, 102U}) add(out_, in_.local(), numbered(size, size));
  send();
  EXPECT_EQ(received(3), (std::vector<std::string>{numbered(100, 100), numbered(102, 102)}));
  EXPECT_EQ((counters().*GetParam().counter).get(), 1U);
}

TEST_P(Dropped, IsTheSameForOneThatLeavesAlone) {
  const ScopedSendFault fault([](const msghdr&) { return GetParam().error; });
  add(out_, in_.local(), "one piece");
  send();
  add(out_, in_.local(), "with a mark", {.ttl = 17});
  send();
  EXPECT_EQ((counters().*GetParam().counter).get(), 2U);
  EXPECT_EQ(counters().tx_datagrams.get(), 0U);
  EXPECT_EQ(counters().tx_calls.get(), 2U);
}

TEST_P(Dropped, CountsEachDatagramOfARun) {
  const ScopedSendFault fault([&](const msghdr&) { return GetParam().error; });
  add_run(7);
  send();
  EXPECT_EQ((counters().*GetParam().counter).get(), 7U);
  EXPECT_EQ(counters().tx_datagrams.get(), 0U);
}

}  // namespace
}  // namespace turnpike::net
