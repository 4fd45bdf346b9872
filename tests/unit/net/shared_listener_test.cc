#include "net/shared_listener.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/socket.h"
#include "net/tcp.h"
#include "net/tcp_probe.h"

namespace turnpike::net {
namespace {

const Ip kShared = Ip::v4(0x7f000001);
const Ip kOther = Ip::v4(0x7f000002);

bool allows_sharing(const Fd& fd) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &value, &size) == 0 && value != 0;
}

struct Listener {
  Fd fd = std::move(*listen_tcp({kShared, 0}, ReusePort::no));
  Endpoint local = local_endpoint(fd);
};

TEST(TcpProbe, SeesAListenerInTheWay) {
  const Listener listener;
  EXPECT_EQ(tcp_port_error(listener.local), EADDRINUSE);
  EXPECT_EQ(tcp_port_error({kShared, 0}), 0);
  EXPECT_FALSE(connect_shared(listener.local, {kShared, 1}));
}

TEST(SharedListener, ConnectsFromThePortAndGivesTheConsentBack) {
  const Listener listener;
  const Listener elsewhere;
  {
    const auto shared = SharedListener::open(listener.local);
    if (!shared) GTEST_SKIP() << "descriptors can't be copied here: " << shared.error().to_string();
    EXPECT_TRUE(allows_sharing(listener.fd));
    const auto connection = shared->connect(listener.local, elsewhere.local);
    ASSERT_TRUE(connection) << connection.error().to_string();
    EXPECT_EQ(local_endpoint(*connection), listener.local);
  }
  EXPECT_FALSE(allows_sharing(listener.fd));
}

TEST(SharedListener, TakesAllThatAreInTheWay) {
  const Listener one;
  const auto other = listen_tcp({kOther, one.local.port}, ReusePort::no);
  ASSERT_TRUE(other);
  const Listener elsewhere;
  const Endpoint any{any_address(IpFamily::v4), one.local.port};
  {
    const auto shared = SharedListener::open(any);
    if (!shared) GTEST_SKIP() << "descriptors can't be copied here: " << shared.error().to_string();
    EXPECT_TRUE(allows_sharing(one.fd));
    EXPECT_TRUE(allows_sharing(*other));
    EXPECT_TRUE(shared->connect(any, elsewhere.local));
  }
  EXPECT_FALSE(allows_sharing(one.fd));
  EXPECT_FALSE(allows_sharing(*other));
  const auto shared = SharedListener::open(one.local);
  EXPECT_TRUE(shared);
  EXPECT_FALSE(allows_sharing(*other));
}

TEST(SharedListener, IsRefusedWhereAListenerStaysInTheWay) {
  const Listener listener;
  const Fd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SockAddr address{};
  const socklen_t size = to_sockaddr({kOther, listener.local.port}, address);
  ASSERT_EQ(::bind(bound.get(), &address.any, size), 0);
  const auto shared = SharedListener::open({any_address(IpFamily::v4), listener.local.port});
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().code, EADDRINUSE);
  EXPECT_FALSE(allows_sharing(listener.fd));
}

TEST(SharedListener, FindsNothingWhereNobodyListens) {
  EXPECT_FALSE(SharedListener::open({kShared, 1}));
}

}  // namespace
}  // namespace turnpike::net
