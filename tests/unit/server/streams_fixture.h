// TCP and TLS clients over loopback, and what serves them in a worker.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "server/stream_clients.h"
#include "support/tls_peers.h"
#include "unit/server/clients_fixture.h"

namespace turnpike::server {

// Small kernel buffers, so that a queue fills soon.
inline void set_buffers(const net::Fd& fd, int size) {
  ASSERT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
  ASSERT_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

// A base that goes before the fixture, which works in its loop.
struct OwnLoop {
  net::EventLoop own_loop;
};

class StreamsFixture : protected ClientsFixture {
 protected:
  struct Setup {
    StreamLimits limits = {};
    int buffers = 0;  // Of each socket, in bytes.
    testing::CoreDriver::Options core = open_to_all();
  };

  StreamsFixture(net::EventLoop& loop, const Setup& setup)
      : ClientsFixture(setup.core),
        loop_(loop),
        buffers_(setup.buffers),
        listener_(*net::listen_tcp({Ip::v4(0x7f000001), 0}, net::ReusePort::no)),
        clients_(loop_, turn(), counters, setup.limits, *net::TlsContext::make({}, nullptr),
                 sources) {
    set_buffers(listener_, buffers_);
  }

  void write_to_clients() {
    for (const turn::ToClient& packet : core.out.to_client) clients_.queue(packet);
    clients_.write_queued();
  }
  net::Fd connect() {
    net::Fd fd = call();
    clients_.accept_from(listener_);
    return fd;
  }
  // Waits at the listening socket.
  net::Fd call() const {
    net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    set_buffers(fd, buffers_);
    // What is sent arrives at once, however little it is.
    const int on = 1;
    EXPECT_EQ(setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(getsockname(listener_.get(), any, &size), 0);
    EXPECT_EQ(::connect(fd.get(), any, size), 0);
    return fd;
  }
  // The server has read it when this returns.
  void send(const net::Fd& fd, ByteView bytes) {
    send_only(fd, bytes);
    work();
  }
  static void send_only(const net::Fd& fd, ByteView bytes) {
    ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  static testing::Bytes receive(const net::Fd& fd) {
    testing::Bytes room(65536);
    const ssize_t size = ::recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    room.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return room;
  }
  // Everything that loopback has already brought is dealt with.
  void work() {
    for (int i = 0; i < 8; ++i) work_one_turn();
  }
  void work_one_turn() {
    loop_.run_turn(Duration(0));
    finish_turn();
    clients_.end_turn();
  }
  void tick_after(Duration time) {
    core.advance(time);
    core.server->on_tick(core.now, core.out);
    clients_.on_tick();
    work();
  }
  void shake_hands(testing::TlsClient& client, const net::Fd& fd) {
    SSL_do_handshake(client.ssl());
    for (int i = 0; i < 6 && counters.handshakes_done.total() == 0; ++i) {
      const auto hello = client.take_output();
      if (!hello.empty()) send(fd, hello);
      client.give(receive(fd));
      SSL_do_handshake(client.ssl());
    }
    ASSERT_EQ(counters.handshakes_done.total(), 1U);
  }

  net::EventLoop& loop_;
  const int buffers_;
  net::Fd listener_;
  StreamClients clients_;
};

}  // namespace turnpike::server
