// What TxBatch and SocketDatagramIo send, over real sockets.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "support/allocation_guard.h"
#include "unit/net/faults.h"
#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

using testing::numbered;
using testing::SendCalls;
using testing::take_send_calls;

class Send : public testing::UdpFamilyTest {};
INSTANTIATE_TEST_SUITE_P(Families, Send, ::testing::Values(IpFamily::v4, IpFamily::v6),
                         testing::family_name);

TEST_P(Send, SingleDatagramArrives) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  add(out, in.local(), "hello");
  send();
  EXPECT_EQ(receive(in, 1), std::vector<std::string>{"hello"});
  EXPECT_EQ(counters().tx_datagrams.get(), 1U);
  EXPECT_EQ(counters().tx_bytes.get(), 5U);
  EXPECT_TRUE(batch_.empty());
}

TEST_P(Send, OneMessageGoesByTheCheapestCallThatCanCarryIt) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  static_cast<void>(take_send_calls());

  add(out, in.local(), "one piece");
  send();
  EXPECT_EQ(take_send_calls(), (SendCalls{.sendto = 1}));
  add_in_two_pieces(out, in.local(), "two ", "pieces");
  send();
  EXPECT_EQ(take_send_calls(), (SendCalls{.sendto = 1}));
  const std::string large = numbered(1, 2045);
  add_in_two_pieces(out, in.local(), "1234", large);
  send();
  EXPECT_EQ(take_send_calls(), (SendCalls{.sendmsg = 1})) << "too much to copy";
  add(out, in.local(), "with a mark", {.ttl = 17});
  send();
  EXPECT_EQ(take_send_calls(), (SendCalls{.sendmsg = 1}));
  for (const char* joined : {"joined 1", "joined 2"}) add(out, in.local(), joined);
  send();
  EXPECT_EQ(take_send_calls(), (SendCalls{.sendmsg = 1})) << "a run is one message";
  for (const char* apart : {"longer", "and longer"}) add(out, in.local(), apart);
  send();
  EXPECT_EQ(take_send_calls(), (SendCalls{.sendmmsg = 1}));

  EXPECT_EQ(receive(in, 8),
            (std::vector<std::string>{"one piece", "two pieces", "1234" + large, "with a mark",
                                      "joined 1", "joined 2", "longer", "and longer"}));
  EXPECT_EQ(counters().tx_calls.get(), 6U);
  EXPECT_EQ(counters().tx_datagrams.get(), 8U);
}

TEST_P(Send, EmptyDatagramArrives) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  add(out, in.local(), "");
  send();
  EXPECT_EQ(receive(in, 1), std::vector<std::string>{""});
}

TEST_P(Send, RunCrossesTheKernelOnceAndArrivesAsDatagrams) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  std::vector<std::string> payloads;
  for (size_t i = 0; i < 20; ++i) payloads.push_back(numbered(i, i == 19 ? 77 : 500));
  for (const std::string& payload : payloads) add(out, in.local(), payload);
  send();
  EXPECT_EQ(counters().tx_calls.get(), 1U);
  EXPECT_EQ(counters().tx_runs.buckets()[4].get(), 1U) << "16 to 31 datagrams together";
  EXPECT_EQ(receive(in, 20), payloads);
}

TEST_P(Send, HeaderAndPayloadOfEachSegmentAreGathered) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  std::vector<std::string> headers;
  std::vector<std::string> payloads;
  std::vector<std::string> whole;
  for (size_t i = 0; i < 64; ++i) {
    headers.push_back(numbered(i, 4));
    payloads.push_back(numbered(i + 1000, 996));
    whole.push_back(headers.back() + payloads.back());
  }
  for (size_t i = 0; i < 64; ++i) {
    batch_.add({.socket = &out,
                .destination = in.local(),
                .source = {},
                .header = as_bytes(headers[i]),
                .payload = as_bytes(payloads[i]),
                .marks = {}});
  }
  send();
  EXPECT_EQ(counters().tx_calls.get(), 1U);
  EXPECT_EQ(receive(in, 64), whole);
}

TEST_P(Send, OrderPerFlowHoldsAmongManyFlowsAndSizes) {
  UdpSocket out = testing::open_socket({}, ip());
  std::vector<UdpSocket> in;
  for (int i = 0; i < 10; ++i) in.push_back(testing::open_socket({.gro = i % 2 == 0}, ip()));
  std::mt19937 random(3);
  std::vector<std::string> payloads;
  std::vector<size_t> targets;
  for (size_t i = 0; i < 400; ++i) {
    payloads.push_back(numbered(i, random() % 4 == 0 ? 8 + random() % 1600 : 300));
    targets.push_back(random() % in.size());
  }
  std::map<size_t, std::vector<std::string>> expected;
  for (size_t i = 0; i < payloads.size(); ++i) {
    add(out, in[targets[i]].local(), payloads[i], {.dont_fragment = i % 7 == 0});
    expected[targets[i]].push_back(payloads[i]);
  }
  send();
  for (size_t i = 0; i < in.size(); ++i) {
    EXPECT_EQ(receive(in[i], expected[i].size()), expected[i]) << i;
  }
  EXPECT_EQ(counters().tx_datagrams.get(), payloads.size());
}

TEST_P(Send, LargestDatagramArrives) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.gro = true}, ip());
  const std::string payload = numbered(1, 65'507);
  add(out, in.local(), payload);
  send();
  EXPECT_EQ(receive(in, 1), std::vector<std::string>{payload});
}

TEST_P(Send, BeyondTheLargestIsDroppedAndCounted) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({}, ip());
  add(out, in.local(), std::string(65'528, 'x'));
  add(out, in.local(), "small");
  send();
  EXPECT_EQ(receive(in, 1), std::vector<std::string>{"small"});
  EXPECT_EQ(counters().tx_drop_too_big.get(), 1U);
}

TEST_P(Send, WildcardSocketAnswersFromTheAddressThatItIsTold) {
  UdpSocket out = testing::open_socket({.packet_info = true}, any_address(GetParam()));
  UdpSocket in = testing::open_socket({}, ip());
  const std::string payload = "from here";
  batch_.add({.socket = &out,
              .destination = in.local(),
              .source = ip(),
              .header = {},
              .payload = as_bytes(payload),
              .marks = {}});
  send();
  ASSERT_TRUE(testing::wait_readable(in));
  const auto received = io_.receive(in, slab_);
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].source, (Endpoint{.ip = ip(), .port = out.local().port}));
}

TEST_P(Send, TtlAndTosAreSetOnTheDatagramThatAsks) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.packet_marks = true}, ip());
  add(out, in.local(), "marked", {.ttl = 17, .tos = 0xb8});
  add(out, in.local(), "plain.");
  send();
  std::map<std::string, RxDatagram> received;
  while (received.size() < 2 && testing::wait_readable(in)) {
    for (const RxDatagram& d : io_.receive(in, slab_)) received[testing::text(d.bytes)] = d;
  }
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received["marked"].ttl, 17);
  EXPECT_EQ(received["marked"].tos, 0xb8);
  EXPECT_EQ(received["plain."].ttl, 64);
  EXPECT_EQ(received["plain."].tos, 0);
}

TEST_P(Send, SteadyStateAllocatesNothing) {
  UdpSocket out = testing::open_socket({}, ip());
  UdpSocket in = testing::open_socket({.gro = true}, ip());
  const std::string payload(300, 'p');
  size_t received = 0;
  const auto round = [&] {
    for (int i = 0; i < 100; ++i) {
      batch_.add({.socket = &out,
                  .destination = in.local(),
                  .source = {},
                  .header = as_bytes("head"),
                  .payload = as_bytes(payload),
                  .marks = {}});
    }
    send();
    while (testing::wait_readable(in, 0)) {
      received += io_.receive(in, slab_).size();
      slab_.reset();
    }
  };
  round();
  const turnpike::testing::AllocationGuard guard;
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(guard.news(), 0U);
  EXPECT_EQ(received, 1100U);
}

}  // namespace
}  // namespace turnpike::net
