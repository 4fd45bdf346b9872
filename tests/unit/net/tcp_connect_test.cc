#include "net/tcp_connect.h"

#include <cerrno>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "net/tcp.h"

namespace turnpike::net {
namespace {

// A loopback address that no other process uses, so that every port is ours.
const Ip kHere = Ip::v4(0x7f500000U | (static_cast<uint32_t>(::getpid()) & 0xfffffU));
const Endpoint kFirst{kHere, 21000};
const Endpoint kSecond{kHere, 21001};

bool wait_for(const Fd& fd, short what) {
  pollfd wanted{.fd = fd.get(), .events = what, .revents = 0};
  return ::poll(&wanted, 1, 10'000) == 1;
}

TEST(TcpConnect, ListensAlone) {
  const auto first = listen_alone(kFirst);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(listen_alone(kFirst).error(), EADDRINUSE);
  EXPECT_FALSE(listen_tcp(kFirst, ReusePort::no).has_value());
}

TEST(TcpConnect, TellsAnAddressThatIsNotOurs) {
  EXPECT_EQ(listen_alone({Ip::v4(0x08080808), 21000}).error(), EADDRNOTAVAIL);
}

TEST(TcpConnect, LeavesFromTheAddressThatListens) {
  const auto ours = listen_alone(kFirst);
  const auto theirs = listen_alone(kSecond);
  ASSERT_TRUE(ours && theirs);
  const auto out = connect_from(kFirst, kSecond);
  ASSERT_TRUE(out.has_value()) << out.error();
  ASSERT_TRUE(wait_for(*theirs, POLLIN));
  const auto accepted = accept_tcp(*theirs);
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(accepted->peer, kFirst);
  ASSERT_TRUE(wait_for(*out, POLLOUT));
  EXPECT_EQ(connect_error(*out), 0);
  // And still takes connections from others.
  const auto back = connect_from({kHere, 21002}, kFirst);
  ASSERT_TRUE(back.has_value());
  EXPECT_TRUE(wait_for(*ours, POLLIN));
}

TEST(TcpConnect, TellsWhenNobodyListens) {
  const auto out = connect_from(kFirst, kSecond);
  // The kernel may know at once, or a moment later.
  if (!out) {
    EXPECT_EQ(out.error(), ECONNREFUSED);
    return;
  }
  ASSERT_TRUE(wait_for(*out, POLLOUT));
  EXPECT_EQ(connect_error(*out), ECONNREFUSED);
}

TEST(TcpConnect, ListensAgainWhereConnectionsHaveJustEnded) {
  {
    const auto ours = listen_alone(kFirst);
    const auto theirs = listen_alone(kSecond);
    ASSERT_TRUE(ours && theirs);
    auto out = connect_from(kFirst, kSecond);
    ASSERT_TRUE(out && wait_for(*theirs, POLLIN));
    auto accepted = accept_tcp(*theirs);
    ASSERT_TRUE(accepted.has_value());
    // Our side closes first, so the connection lingers on our port.
    out->reset();
    ASSERT_TRUE(wait_for(accepted->fd, POLLIN));
  }
  EXPECT_TRUE(listen_alone(kFirst).has_value());
}

TEST(TcpConnect, EndsSendingAndTellsAnEndFromAReset) {
  const auto theirs = listen_alone(kSecond);
  auto out = connect_from(kFirst, kSecond);
  ASSERT_TRUE(theirs && out && wait_for(*theirs, POLLIN));
  const auto accepted = accept_tcp(*theirs);
  ASSERT_TRUE(accepted.has_value());
  end_sending(accepted->fd);
  ASSERT_TRUE(wait_for(*out, POLLIN));
  std::array<uint8_t, 8> room{};
  const StreamRead end = read_stream(*out, room);
  EXPECT_EQ(end.result, StreamResult::closed);
  EXPECT_FALSE(end.reset);
  reset_on_close(*out);
  out->reset();
  ASSERT_TRUE(wait_for(accepted->fd, POLLIN));
  EXPECT_TRUE(read_stream(accepted->fd, room).reset);
}

}  // namespace
}  // namespace turnpike::net
