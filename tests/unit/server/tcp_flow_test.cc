#include "server/tcp_flow.h"

#include <string>

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

std::string waiting(const TcpFlow& flow) {
  return std::string(as_text(flow.waiting()));
}

TEST(TcpFlow, ReadsNothingWhileSomethingWaits) {
  TcpFlow flow;
  EXPECT_TRUE(flow.wants_bytes());
  flow.add(as_bytes("hello"));
  EXPECT_FALSE(flow.wants_bytes());
  flow.sent(4);
  EXPECT_EQ(waiting(flow), "o");
  EXPECT_FALSE(flow.wants_bytes());
  flow.sent(1);
  EXPECT_TRUE(flow.wants_bytes());
}

TEST(TcpFlow, KeepsTheOrderOfWhatIsAddedBehindWhatWaits) {
  TcpFlow flow;
  flow.add(as_bytes("one "));
  flow.sent(2);
  flow.add(as_bytes("two"));
  EXPECT_EQ(waiting(flow), "e two");
}

TEST(TcpFlow, PassesTheEndOnOnceAndAfterEverythingElse) {
  TcpFlow flow;
  flow.add(as_bytes("last words"));
  EXPECT_FALSE(flow.take_end());
  flow.end();
  EXPECT_FALSE(flow.wants_bytes());
  EXPECT_FALSE(flow.take_end());
  EXPECT_FALSE(flow.done());
  flow.sent(10);
  EXPECT_FALSE(flow.wants_bytes());
  EXPECT_TRUE(flow.take_end());
  EXPECT_FALSE(flow.take_end());
  EXPECT_TRUE(flow.done());
}

TEST(TcpFlow, IsDoneAtOnceWhenItsSinkIsGone) {
  TcpFlow flow;
  flow.add(as_bytes("for nobody"));
  flow.give_up();
  EXPECT_TRUE(flow.done());
  EXPECT_TRUE(flow.ended());
  EXPECT_FALSE(flow.wants_bytes());
  EXPECT_TRUE(flow.waiting().empty());
  EXPECT_FALSE(flow.take_end());
}

TEST(TcpFlow, HoldsNoMemoryWhenIdle) {
  TcpFlow flow;
  flow.add(std::vector<uint8_t>(100'000));
  flow.sent(99'999);
  flow.sent(1);
  EXPECT_LE(flow.tail().capacity(), 2048U);
}

}  // namespace
}  // namespace turnpike::server
