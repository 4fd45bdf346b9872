#include "net/tx_batch.h"

#include <deque>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "support/allocation_guard.h"
#include "unit/net/udp_fixture.h"

namespace turnpike::net {
namespace {

const Endpoint kPeer{.ip = Ip::v4(0x7f000001), .port = 1000};
const Endpoint kOtherPeer{.ip = Ip::v4(0x7f000001), .port = 1001};

class TxBatchTest : public ::testing::Test {
 protected:
  void add(size_t size, const Endpoint& to = kPeer, const TxMarks& marks = {},
           UdpSocket* socket = nullptr, const Ip& source = {}) {
    const std::string& payload = payloads_.emplace_back(testing::numbered(payloads_.size(), size));
    batch_.add({.socket = socket == nullptr ? &socket_ : socket,
                .destination = to,
                .source = source,
                .header = {},
                .payload = as_bytes(payload),
                .marks = marks});
  }

  // The lengths of all runs, queue by queue.
  std::vector<int> lengths() const {
    std::vector<int> out;
    for (const TxBatch::Queue& queue : batch_.queues()) {
      for (uint32_t r = queue.first_run; r != TxBatch::kNone; r = batch_.run(r).next_run) {
        out.push_back(batch_.run(r).length);
      }
    }
    return out;
  }

  UdpSocket socket_;
  UdpSocket socket2_;
  TxBatch batch_{HashKey{.k0 = 1, .k1 = 2}};
  std::deque<std::string> payloads_;
};

using Lengths = std::vector<int>;

TEST_F(TxBatchTest, JoinsEqualSizes) {
  for (int i = 0; i < 5; ++i) add(100);
  EXPECT_EQ(lengths(), (Lengths{5}));
}

TEST_F(TxBatchTest, JoinsAcrossOtherFlows) {
  for (int i = 0; i < 5; ++i) {
    add(100, kPeer);
    add(100, kOtherPeer);
  }
  EXPECT_EQ(lengths(), (Lengths{5, 5}));
}

TEST_F(TxBatchTest, ShorterOneEndsTheRun) {
  add(100);
  add(100);
  add(60);
  add(60);
  add(100);
  EXPECT_EQ(lengths(), (Lengths{3, 1, 1}));
}

TEST_F(TxBatchTest, LongerOneOpensANewRun) {
  add(60);
  add(100);
  add(100);
  EXPECT_EQ(lengths(), (Lengths{1, 2}));
}

TEST_F(TxBatchTest, HoldsSixtyFourSegmentsAtMost) {
  for (int i = 0; i < 130; ++i) add(10);
  EXPECT_EQ(lengths(), (Lengths{64, 64, 2}));
}

TEST_F(TxBatchTest, HoldsNoMoreBytesThanADatagramMay) {
  for (int i = 0; i < 50; ++i) add(1400);
  EXPECT_EQ(lengths(), (Lengths{46, 4}));
}

TEST_F(TxBatchTest, DatagramBeyondTheUsualMtuStaysAlone) {
  add(1473);
  add(1473);
  add(1472);
  add(1472);
  EXPECT_EQ(lengths(), (Lengths{1, 1, 2}));
}

TEST_F(TxBatchTest, Ipv6LeavesTwentyBytesLess) {
  const Endpoint peer{.ip = *Ip::parse("::1"), .port = 9};
  add(1453, peer);
  add(1453, peer);
  add(1452, peer);
  add(1452, peer);
  EXPECT_EQ(lengths(), (Lengths{1, 1, 2}));
}

TEST_F(TxBatchTest, EmptyDatagramStaysAlone) {
  add(100);
  const std::string nothing;
  batch_.add({.socket = &socket_, .destination = kPeer, .payload = as_bytes(nothing)});
  add(100);
  EXPECT_EQ(lengths(), (Lengths{1, 1, 1}));
}

TEST_F(TxBatchTest, MarksSourceAndSocketDivide) {
  add(100, kPeer);
  add(100, kPeer, {.dont_fragment = true});
  add(100, kPeer, {.ttl = 5});
  add(100, kPeer, {.tos = 5});
  add(100, kPeer, {}, &socket_, Ip::v4(0x7f000002));
  add(100, kPeer, {}, &socket2_);
  EXPECT_EQ(lengths(), (Lengths{1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(batch_.queues().size(), 2U);
}

TEST_F(TxBatchTest, MarkInBetweenDoesNotReorderAFlow) {
  add(100, kPeer);
  add(100, kPeer, {.dont_fragment = true});
  add(100, kPeer);
  EXPECT_EQ(lengths(), (Lengths{1, 1, 1}));
}

TEST_F(TxBatchTest, ClearedBatchStartsAnew) {
  add(100);
  batch_.clear();
  EXPECT_TRUE(batch_.empty());
  add(100);
  EXPECT_EQ(lengths(), (Lengths{1}));
}

TEST_F(TxBatchTest, SocketKnownToAnotherBatchHasOneQueueHere) {
  add(100, kPeer, {}, &socket2_);
  TxBatch other(HashKey{.k0 = 5, .k1 = 6});
  other.add({.socket = &socket_, .destination = kPeer});
  other.add({.socket = &socket2_, .destination = kPeer});
  other.add({.socket = &socket_, .destination = kOtherPeer});
  EXPECT_EQ(other.queues().size(), 2U);
}

// Many flows with random sizes: nothing is lost, each flow keeps its order, each run keeps the
// rules of UDP_SEGMENT.
TEST_F(TxBatchTest, RandomBatchesKeepOrderAndRules) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    batch_.clear();
    payloads_.clear();
    for (int i = 0; i < 2000; ++i) {
      const auto port = static_cast<uint16_t>(random() % 600);
      const size_t size = random() % 3 == 0 ? random() % 1500 : 200;
      add(std::max<size_t>(size, 8), {.ip = Ip::v4(0x7f000001), .port = port},
          {.dont_fragment = random() % 16 == 0}, random() % 2 == 0 ? &socket_ : &socket2_);
    }
    size_t seen = 0;
    for (const TxBatch::Queue& queue : batch_.queues()) {
      std::map<uint16_t, int> latest;
      for (uint32_t r = queue.first_run; r != TxBatch::kNone; r = batch_.run(r).next_run) {
        const TxBatch::Run& run = batch_.run(r);
        uint32_t at = run.first_item;
        for (uint32_t i = 0; i < run.length; ++i, at = batch_.next_item(at)) {
          const TxItem& item = batch_.item(at);
          ++seen;
          const int number = std::stoi(std::string(as_text(item.payload)));
          int& last = latest.try_emplace(item.destination.port, -1).first->second;
          EXPECT_GT(number, last);
          last = number;
          const bool may_be_shorter = i + 1 == run.length;
          EXPECT_TRUE(may_be_shorter || item.size() == run.segment_size);
          EXPECT_EQ(item.destination, batch_.item(run.first_item).destination);
          EXPECT_EQ(item.marks, batch_.item(run.first_item).marks);
        }
      }
    }
    EXPECT_EQ(seen, 2000U);
  }
}

TEST_F(TxBatchTest, AllocatesNothingOnceItKnowsTheLoad) {
  const auto fill = [&] {
    for (uint16_t i = 0; i < 500; ++i) {
      batch_.add({.socket = &socket_,
                  .destination = {.ip = Ip::v4(0x7f000001), .port = i},
                  .payload = as_bytes("x")});
    }
    batch_.clear();
  };
  fill();
  const turnpike::testing::AllocationGuard guard;
  fill();
  EXPECT_EQ(guard.news(), 0U);
}

}  // namespace
}  // namespace turnpike::net
