#include "server/forwarding.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::server {
namespace {

using testing::Bytes;
using testing::endpoint;

constexpr uint32_t kHere = turn::LinkId::kHere;

struct Posted {
  uint32_t worker;
  WorkerMessage message;
};

class ForwardingTest : public ::testing::Test {
 protected:
  static turn::ClientRoute route(uint32_t worker) {
    return {{5, 6, worker}, {Transport::tcp, endpoint("8.8.8.8:1"), endpoint("192.0.2.1:3478")}};
  }

  std::vector<Posted> posted_;
  bool has_room_ = true;
  Forwarding forwarding_{2, [this](uint32_t worker, WorkerMessage&& message) {
                           if (has_room_) posted_.push_back({worker, std::move(message)});
                           return has_room_;
                         }};
};

TEST_F(ForwardingTest, BringsPacketsToTheWorkerThatHasTheLink) {
  const Bytes head = {1, 2};
  const Bytes body = {3, 4, 5};
  forwarding_.add(turn::ToClient{
      {5, 6, 1}, endpoint("8.8.8.8:1"), testing::ip("192.0.2.1"), head, body, turn::Precious::yes});
  forwarding_.add(
      turn::ToClient{{7, 8, 1}, endpoint("8.8.8.8:2"), {}, head, {}, turn::Precious::no});
  EXPECT_TRUE(posted_.empty());
  forwarding_.post_all();
  ASSERT_EQ(posted_.size(), 1U);
  EXPECT_EQ(posted_[0].worker, 1U);
  std::vector<Bytes> packets;
  for_each_packet(std::get<ToLinks>(posted_[0].message), [&](const turn::ToClient& packet) {
    EXPECT_EQ(packet.link.worker, kHere);
    packets.emplace_back(packet.body.begin(), packet.body.end());
    EXPECT_TRUE(packet.head.empty());
    EXPECT_EQ(packet.precious, packets.size() == 1 ? turn::Precious::yes : turn::Precious::no);
  });
  EXPECT_EQ(packets, (std::vector<Bytes>{{1, 2, 3, 4, 5}, {1, 2}}));
  forwarding_.post_all();
  EXPECT_EQ(posted_.size(), 1U);
}

TEST_F(ForwardingTest, TellsHowManyPacketsAFullMailboxCost) {
  const Bytes bytes = {1};
  const auto add_three = [&] {
    for (uint32_t worker : {0U, 0U, 1U}) {
      forwarding_.add(turn::ToOwner{worker, route(kHere), bytes});
    }
  };
  add_three();
  EXPECT_EQ(forwarding_.post_all(), 0U);
  add_three();
  has_room_ = false;
  EXPECT_EQ(forwarding_.post_all(), 3U);
  EXPECT_EQ(forwarding_.post_all(), 0U) << "they are not kept";
}

TEST_F(ForwardingTest, BringsPacketsToTheWorkerThatHoldsTheAllocation) {
  const Bytes first = {1, 2, 3};
  const Bytes second = {4};
  forwarding_.add(turn::ToOwner{0, route(kHere), first});
  forwarding_.add(turn::ToOwner{0, route(kHere), second});
  forwarding_.post_all();
  ASSERT_EQ(posted_.size(), 1U);
  EXPECT_EQ(posted_[0].worker, 0U);
  std::vector<Bytes> packets;
  for_each_packet(std::get<FromLinks>(posted_[0].message),
                  [&](const turn::ClientRoute& from, ByteView packet) {
                    EXPECT_EQ(from.link.worker, 2U);
                    EXPECT_EQ(from.tuple, route(kHere).tuple);
                    packets.emplace_back(packet.begin(), packet.end());
                  });
  EXPECT_EQ(packets, (std::vector<Bytes>{first, second}));
}

// An answer must not bring its client back sooner than the note about it.
TEST_F(ForwardingTest, PostsNotesBeforePackets) {
  const Bytes answer = {1};
  forwarding_.add(
      turn::ToClient{{5, 6, 1}, endpoint("8.8.8.8:1"), {}, answer, {}, turn::Precious::yes});
  forwarding_.post(turn::RouteHeld{2, route(1), Instant(seconds(5))});
  forwarding_.post_all();
  ASSERT_EQ(posted_.size(), 2U);
  const auto& held = std::get<turn::RouteHeld>(posted_[0].message);
  EXPECT_EQ(posted_[0].worker, 1U);
  EXPECT_EQ(held.owner, 2U);
  EXPECT_EQ(held.route.link.worker, kHere);
}

TEST_F(ForwardingTest, SaysWhoseLinkWasLost) {
  forwarding_.post(turn::RouteLost{0, route(kHere)});
  ASSERT_EQ(posted_.size(), 1U);
  EXPECT_EQ(posted_[0].worker, 0U);
  EXPECT_EQ(std::get<turn::RouteLost>(posted_[0].message).route.link.worker, 2U);
}

}  // namespace
}  // namespace turnpike::server
