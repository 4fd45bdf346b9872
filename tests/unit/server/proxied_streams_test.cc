#include "server/proxied_streams.h"

#include <optional>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/check.h"

namespace turnpike::server {
namespace {

constexpr std::string_view kHeader = "PROXY TCP4 192.0.2.77 198.51.100.1 51234 443\r\n";

class ProxiedStreamsTest : public ::testing::Test {
 protected:
  ProxiedStreamsTest() : listener_(*net::listen_tcp(loopback(0), net::ReusePort::no)) {
    use({.sources = {*IpRange::parse("127.0.0.0/8")}});
  }

  static Endpoint loopback(uint16_t port) { return {Ip::v4(0x7f000001), port}; }

  void use(const ProxyLimits& limits) {
    streams_.emplace(
        loop_, counters_, limits, [this] { return now_; },
        [this](net::AcceptedStream&& stream) { taken_.push_back(std::move(stream)); });
  }
  net::Fd connect() {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    CHECK(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    auto fd = net::begin_tcp_connection(loopback(ntohs(address.sin_port)));
    CHECK(fd.has_value());
    streams_->accept_from(listener_);
    return std::move(*fd);
  }
  // It has been read when this returns.
  void send(const net::Fd& fd, std::string_view text) {
    EXPECT_EQ(net::write_stream(fd, as_bytes(text)).written, text.size());
    for (int i = 0; i < 4; ++i) loop_.run_turn(Duration(0));
  }
  // What the taker of a connection would read.
  static std::string rest_of(const net::AcceptedStream& stream) {
    std::array<uint8_t, 256> room{};
    return std::string(as_text(net::read_stream(stream.fd, room).bytes));
  }

  Instant now_{seconds(100)};
  net::EventLoop loop_;
  net::Fd listener_;
  ClientCounters counters_;
  std::vector<net::AcceptedStream> taken_;
  std::optional<ProxiedStreams> streams_;
};

TEST_F(ProxiedStreamsTest, HandsOnTheConnectionWithTheClientOfTheHeader) {
  const net::Fd fd = connect();
  send(fd, kHeader);
  ASSERT_EQ(taken_.size(), 1U);
  EXPECT_EQ(taken_[0].peer.to_string(), "192.0.2.77:51234");
  EXPECT_TRUE(taken_[0].local.ip.is_loopback()) << "relayed addresses are chosen by it";
  EXPECT_EQ(streams_->size(), 0U);
  EXPECT_EQ(counters_.proxy_headers.get(), 1U);
}

TEST_F(ProxiedStreamsTest, LeavesWhatFollowsToTheTaker) {
  const net::Fd fd = connect();
  send(fd, std::string(kHeader) + "and this");
  ASSERT_EQ(taken_.size(), 1U);
  EXPECT_EQ(rest_of(taken_[0]), "and this");
}

TEST_F(ProxiedStreamsTest, TakesAHeaderInPieces) {
  for (size_t at = 1; at < kHeader.size(); ++at) {
    taken_.clear();
    const net::Fd fd = connect();
    send(fd, kHeader.substr(0, at));
    ASSERT_TRUE(taken_.empty()) << at;
    send(fd, std::string(kHeader.substr(at)) + "rest");
    ASSERT_EQ(taken_.size(), 1U) << at;
    EXPECT_EQ(rest_of(taken_[0]), "rest") << at;
  }
}

TEST_F(ProxiedStreamsTest, KeepsTheConnectionsOwnAddressWhereTheBalancerSpeaksForItself) {
  const net::Fd fd = connect();
  send(fd, "PROXY UNKNOWN\r\n");
  ASSERT_EQ(taken_.size(), 1U);
  EXPECT_TRUE(taken_[0].peer.ip.is_loopback());
}

TEST_F(ProxiedStreamsTest, HearsNobodyWhoIsNotListed) {
  use({.sources = {*IpRange::parse("10.0.0.0/8")}});
  const net::Fd fd = connect();
  EXPECT_EQ(streams_->size(), 0U);
  EXPECT_EQ(counters_.proxy_source_refused.get(), 1U);
}

TEST_F(ProxiedStreamsTest, EndsAConnectionWithoutAHeaderAtOnce) {
  const net::Fd fd = connect();
  send(fd, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(taken_.empty());
  EXPECT_EQ(streams_->size(), 0U);
  EXPECT_EQ(counters_.proxy_header_refused.get(), 1U);
}

TEST_F(ProxiedStreamsTest, EndsAConnectionWhoseHeaderIsLate) {
  const net::Fd fd = connect();
  send(fd, kHeader.substr(0, 10));
  now_ += seconds(10);
  streams_->on_tick();
  EXPECT_EQ(streams_->size(), 1U);
  now_ += seconds(1);
  streams_->on_tick();
  EXPECT_EQ(streams_->size(), 0U);
  EXPECT_EQ(counters_.proxy_header_late.get(), 1U);
}

TEST_F(ProxiedStreamsTest, HoldsNoMoreThanItsLimitWithoutAHeader) {
  use({.sources = {*IpRange::parse("127.0.0.0/8")}, .waiting_max = 3});
  std::vector<net::Fd> kept;
  for (int i = 0; i < 5; ++i) kept.push_back(connect());
  EXPECT_EQ(streams_->size(), 3U);
  EXPECT_EQ(counters_.proxy_waiting_refused.get(), 2U);
}

TEST_F(ProxiedStreamsTest, ForgetsAConnectionThatEndsInItsHeader) {
  {
    const net::Fd fd = connect();
    send(fd, kHeader.substr(0, 10));
  }
  loop_.run_turn(Duration(0));
  EXPECT_EQ(streams_->size(), 0U);
}

}  // namespace
}  // namespace turnpike::server
