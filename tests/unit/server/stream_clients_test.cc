#include "server/stream_clients.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "stun/channel_data.h"
#include "support/tls_peers.h"
#include "unit/server/clients_fixture.h"

namespace turnpike::server {
namespace {

using stun::Method;
using testing::Bytes;

// Small kernel buffers, so that a queue fills soon.
void shrink_buffers(const net::Fd& fd) {
  const int size = 4096;
  ASSERT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
  ASSERT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

class StreamClientsTest : public ::testing::Test, protected ClientsFixture {
 protected:
  explicit StreamClientsTest(const StreamLimits& limits = {})
      : listener_(*net::listen_tcp({Ip::v4(0x7f000001), 0}, net::ReusePort::no)),
        clients_(loop_, turn(), counters, limits, *net::TlsContext::make({}, nullptr), {1, 2}) {
    shrink_buffers(listener_);
    send_packets = [this] {
      for (const turn::ToClient& packet : core.out.to_client) clients_.queue(packet);
      clients_.write_queued();
    };
  }

  net::Fd connect() {
    net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    shrink_buffers(fd);
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(getsockname(listener_.get(), any, &size), 0);
    EXPECT_EQ(::connect(fd.get(), any, size), 0);
    clients_.accept_from(listener_);
    return fd;
  }
  // The server has read it when this returns.
  void send(const net::Fd& fd, ByteView bytes) {
    ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    work();
  }
  // Everything that loopback has already brought is dealt with.
  void work() {
    for (int i = 0; i < 8; ++i) {
      loop_.run_turn(Duration(0));
      finish_turn();
    }
  }
  void tick_after(Duration time) {
    core.advance(time);
    core.server->on_tick(core.now, core.out);
    clients_.on_tick();
    work();
  }
  void allocate(const net::Fd& fd) {
    send(fd, testing::make_request(Method::allocate, [](stun::MessageBuilder& builder) {
           builder.add_requested_transport(17);
         }));
    ASSERT_EQ(core.server->allocations(), 1U);
  }
  // As the core does it for the only client there is.
  void to_client(size_t size, turn::Precious precious) {
    const Bytes payload(size);
    turn::ClientRoute route;
    core.server->for_each_allocation(
        [&](const turn::Allocation& allocation) { route = allocation.route; });
    clients_.queue({route.link, route.tuple.client, route.tuple.server.ip, {}, payload, precious});
    clients_.write_queued();
  }

  // More media than the client's queue and the kernel take.
  void overfill() {
    for (int i = 0; i < 200; ++i) to_client(1000, turn::Precious::no);
  }
  // The only client is still there after so long, and gone a second later.
  void ends_after(Duration time) {
    tick_after(time);
    EXPECT_EQ(clients_.size(), 1U);
    tick_after(seconds(1));
    EXPECT_EQ(clients_.size(), 0U);
  }

  net::EventLoop loop_;
  net::Fd listener_;
  StreamClients clients_;
};

TEST_F(StreamClientsTest, ClosesAConnectionThatSaysNothing) {
  const net::Fd fd = connect();
  ends_after(seconds(10));
  EXPECT_EQ(counters.handshakes_late.total(), 1U);
}

TEST_F(StreamClientsTest, ClosesAHandshakeThatStops) {
  const net::Fd fd = connect();
  send(fd, Bytes{22, 3, 1, 2, 0, 1, 0, 1, 0xfc});
  tick_after(seconds(11));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.handshakes_late.total(), 1U);
}

TEST_F(StreamClientsTest, ClosesAClientThatDripsAFrame) {
  const net::Fd fd = connect();
  allocate(fd);
  const Bytes frame = testing::make_request(Method::binding);
  for (size_t i = 0; i < 10; ++i) {
    send(fd, ByteView(frame).subspan(i, 1));
    tick_after(seconds(1));
  }
  EXPECT_EQ(clients_.size(), 1U);
  send(fd, ByteView(frame).subspan(10, 1));
  tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.closed_slow.get(), 1U);
  EXPECT_EQ(core.server->allocations(), 0U);
}

TEST_F(StreamClientsTest, ClosesAClientWithoutAnAllocation) {
  const net::Fd fd = connect();
  for (int i = 0; i < 60; ++i) {
    tick_after(seconds(1));
    send(fd, testing::make_request(Method::binding));
  }
  ends_after(Duration(0));
  EXPECT_EQ(counters.closed_idle.get(), 1U);
}

TEST_F(StreamClientsTest, KeepsASilentClientAsLongAsItsAllocation) {
  const net::Fd fd = connect();
  allocate(fd);
  for (int i = 0; i < 602; ++i) tick_after(seconds(1));
  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(clients_.size(), 1U);
  for (int i = 0; i < 61; ++i) tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
}

TEST_F(StreamClientsTest, ClosesWhatIsNotTurnAndCountsIt) {
  const net::Fd fd = connect();
  send(fd, as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(counters.closed_not_turn.get(), 1U);
}

TEST_F(StreamClientsTest, EndsTheAllocationWithTheConnection) {
  net::Fd fd = connect();
  allocate(fd);
  fd = {};
  work();
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(core.server->allocations(), 0U);
}

struct SmallQueue : StreamClientsTest {
  SmallQueue() : StreamClientsTest({.queue_max = 20000}) {}
};

TEST_F(SmallQueue, DropsMediaThatDoesNotFitAndCountsIt) {
  const net::Fd fd = connect();
  allocate(fd);
  overfill();
  EXPECT_GT(counters.drop_queue_full.get(), 100U);
  work();
  tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 1U);
  EXPECT_EQ(core.server->allocations(), 1U);
}

TEST_F(SmallQueue, GoesOnWhenTheClientReadsAgain) {
  const net::Fd fd = connect();
  allocate(fd);
  overfill();
  const uint64_t dropped = counters.drop_queue_full.get();
  Bytes room(65536);
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(::recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT));
    work();
  }
  to_client(1000, turn::Precious::no);
  EXPECT_EQ(counters.drop_queue_full.get(), dropped);
}

TEST_F(SmallQueue, ClosesTheLinkWhenAnAnswerDoesNotFit) {
  const net::Fd fd = connect();
  allocate(fd);
  overfill();
  EXPECT_EQ(counters.closed_queue_full.get(), 0U);
  to_client(1000, turn::Precious::yes);
  EXPECT_EQ(counters.closed_queue_full.get(), 1U);
  tick_after(seconds(1));
  EXPECT_EQ(clients_.size(), 0U);
  EXPECT_EQ(core.server->allocations(), 0U);
}

struct TwoPerSource : StreamClientsTest {
  TwoPerSource() : StreamClientsTest({.per_source = 2}) {}
};

TEST_F(TwoPerSource, RefusesAThirdUntilOneHasEnded) {
  net::Fd first = connect();
  const net::Fd second = connect();
  const net::Fd third = connect();
  EXPECT_EQ(clients_.size(), 2U);
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
  first = {};
  work();
  const net::Fd fourth = connect();
  EXPECT_EQ(clients_.size(), 2U);
  EXPECT_EQ(counters.refused_source_limit.get(), 1U);
}

TEST_F(StreamClientsTest, ServesTlsByTheFirstByte) {
  const net::Fd fd = connect();
  testing::TlsClient client;
  SSL_do_handshake(client.ssl());
  Bytes room(65536);
  for (int i = 0; i < 6 && counters.handshakes_done.total() == 0; ++i) {
    const auto hello = client.take_output();
    if (!hello.empty()) send(fd, hello);
    const ssize_t size = ::recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (size > 0) client.give(ByteView(room).first(static_cast<size_t>(size)));
    SSL_do_handshake(client.ssl());
  }
  EXPECT_EQ(counters.handshakes_done.total(), 1U);
  EXPECT_EQ(clients_.size(), 1U);
}

}  // namespace
}  // namespace turnpike::server
