// Connections to users who asked for one, over loopback.
#include "server/connect_backs.h"

#include <gtest/gtest.h>

#include "net/clock.h"
#include "net/tcp.h"
#include "net/tcp_connect.h"
#include "net/tcp_probe.h"

namespace turnpike::server {
namespace {

class ConnectBacksTest : public ::testing::Test {
 protected:
  ConnectBacksTest()
      : listener_(*net::listen_alone({*Ip::parse("127.0.0.1"), 0})),
        target_(net::local_endpoint(listener_)) {}

  void connect_from(const char* source) {
    backs_.carry_out({.target = target_, .source = *Ip::parse(source)}, Instant(seconds(100)));
  }
  // The next connection that arrives.
  net::AcceptedStream accepted() {
    const Instant deadline = net::monotonic_now() + seconds(10);
    while (net::monotonic_now() < deadline) {
      if (auto stream = net::accept_tcp(listener_)) return std::move(*stream);
      loop_.run_turn(milliseconds(10));
    }
    return {};
  }
  void run_until_empty() {
    const Instant deadline = net::monotonic_now() + seconds(10);
    while (backs_.size() != 0 && net::monotonic_now() < deadline) loop_.run_turn(milliseconds(10));
  }

  net::EventLoop loop_;
  net::Fd listener_;
  Endpoint target_;
  ConnectBacks backs_{loop_};
};

TEST_F(ConnectBacksTest, ComeFromTheAddressThatWasAskedFor) {
  connect_from("127.0.0.1");
  EXPECT_EQ(accepted().peer.ip, *Ip::parse("127.0.0.1"));
  connect_from("127.0.0.2");
  EXPECT_EQ(accepted().peer.ip, *Ip::parse("127.0.0.2"));
}

TEST_F(ConnectBacksTest, EndWhenTheClientCloses) {
  connect_from("127.0.0.1");
  {
    const net::AcceptedStream stream = accepted();
    ASSERT_TRUE(stream.fd);
    EXPECT_EQ(backs_.size(), 1u);
  }
  run_until_empty();
  EXPECT_EQ(backs_.size(), 0u);
}

TEST_F(ConnectBacksTest, EndWhenNobodyListens) {
  listener_.reset();
  connect_from("127.0.0.1");
  run_until_empty();
  EXPECT_EQ(backs_.size(), 0u);
}

TEST_F(ConnectBacksTest, EndWhenTheirTimeIsOver) {
  connect_from("127.0.0.1");
  backs_.on_tick(Instant(seconds(100)) + ConnectBacks::kPatience - milliseconds(1));
  EXPECT_EQ(backs_.size(), 1u);
  backs_.on_tick(Instant(seconds(100)) + ConnectBacks::kPatience);
  EXPECT_EQ(backs_.size(), 0u);
}

TEST_F(ConnectBacksTest, AreBounded) {
  for (size_t i = 0; i < ConnectBacks::kMost + 10; ++i) connect_from("127.0.0.1");
  EXPECT_EQ(backs_.size(), ConnectBacks::kMost);
}

}  // namespace
}  // namespace turnpike::server
