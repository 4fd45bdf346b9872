#include "http/server.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/tcp_connect.h"

namespace turnpike::http {
namespace {

using testing::StartsWith;

uint16_t port_of(const net::Fd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::filesystem::create_directories(folder_);
    listener_.emplace(std::move(*net::UnixListener::listen(path_, std::nullopt)));
  }
  ~ServerTest() override {
    listener_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(const Limits& limits) {
    server_.emplace(loop_, limits, [this](const Request& request, const Caller&) {
      ++requests_;
      return Response{.body = request.path};
    });
    server_->serve(listener_->fd(), Door::local);
  }
  net::Fd connect() { return std::move(*net::connect_unix(path_, 5)); }
  // Until `done`, for some seconds at the most.
  template <typename Done>
  bool run_until(Done&& done) {
    const Instant deadline = net::monotonic_now() + seconds(20);
    while (!done()) {
      if (net::monotonic_now() > deadline) return false;
      loop_.run_turn(milliseconds(20));
    }
    return true;
  }
  // What the server sent until it closed.
  std::string answer_on(const net::Fd& fd) {
    EXPECT_TRUE(run_until([&] { return server_->connections() == 0; }));
    std::array<uint8_t, 4096> room{};
    const net::StreamRead read = net::read_stream(fd, room);
    return std::string(as_text(read.bytes));
  }

  const std::string folder_ =
      std::filesystem::temp_directory_path() / ("turnpike-http-" + std::to_string(getpid()));
  const std::string path_ = folder_ + "/admin.sock";
  net::EventLoop loop_;
  std::optional<net::UnixListener> listener_;
  std::optional<Server> server_;
  int requests_ = 0;
};

TEST_F(ServerTest, AnswersARequestAndCloses) {
  start({});
  const net::Fd client = connect();
  net::write_stream(client, as_bytes("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(run_until([&] { return requests_ == 1; }));
  const std::string answer = answer_on(client);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("/a"));
}

TEST_F(ServerTest, RefusesWithoutAskingTheHandler) {
  start({});
  const net::Fd client = connect();
  net::write_stream(client, as_bytes("nonsense\r\n\r\n"));
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  EXPECT_THAT(answer_on(client), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(requests_, 0);
}

TEST_F(ServerTest, ClosesWhoIsTooSlow) {
  start({.request_max = seconds(0)});
  const net::Fd client = connect();
  net::write_stream(client, as_bytes("GET /"));
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  EXPECT_EQ(answer_on(client), "");
}

TEST_F(ServerTest, TheOldestMakesRoomWhenThereAreTooMany) {
  start({.connections = 2});
  std::vector<net::Fd> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(connect());
    // The last ones find two there before they come in.
    loop_.run_turn(seconds(5));
    ASSERT_EQ(server_->connections(), std::min<size_t>(clients.size(), 2));
  }
  std::array<uint8_t, 1> room{};
  EXPECT_EQ(net::read_stream(clients[0], room).result, net::StreamResult::closed);
  EXPECT_EQ(net::read_stream(clients[1], room).result, net::StreamResult::closed);
  for (const size_t i : {size_t{2}, size_t{3}}) {
    net::write_stream(clients[i], as_bytes("GET /a HTTP/1.0\r\n\r\n"));
  }
  EXPECT_TRUE(run_until([&] { return requests_ == 2; }));
}

TEST_F(ServerTest, ACrowdFromOneAddressIsInItsOwnWayOnly) {
  start({.connections = 3});
  const auto listener = net::listen_tcp({Ip::v4(0x7f000001), 0}, net::ReusePort::no);
  ASSERT_TRUE(listener.has_value());
  server_->serve(*listener, Door::tcp);
  const Endpoint there{Ip::v4(0x7f000001), port_of(*listener)};
  std::vector<net::Fd> clients;
  // The first comes from another address than the crowd, and is the oldest.
  for (const uint32_t from : {0x7f000002U, 0x7f000001U, 0x7f000001U, 0x7f000001U, 0x7f000001U}) {
    clients.push_back(std::move(*net::connect_from({Ip::v4(from), 0}, there)));
    ASSERT_TRUE(
        run_until([&] { return server_->connections() == std::min<size_t>(clients.size(), 3); }));
  }
  net::write_stream(clients[0], as_bytes("GET /a HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(run_until([&] { return requests_ == 1; }));
}

TEST_F(ServerTest, TheSocketIsForItsOwnerAlone) {
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(ServerTest, ALivingServersSocketIsNotTaken) {
  const auto second = net::UnixListener::listen(path_, std::nullopt);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST_F(ServerTest, ASocketLeftBehindIsTaken) {
  const std::string path = folder_ + "/old.sock";
  {
    auto first = net::UnixListener::listen(path, std::nullopt);
    ASSERT_TRUE(first.has_value());
    // As after a crash: the file stays, the lock goes.
    std::filesystem::create_hard_link(path, path + ".kept");
  }
  std::filesystem::rename(path + ".kept", path);
  EXPECT_TRUE(net::UnixListener::listen(path, std::nullopt).has_value());
}

TEST_F(ServerTest, AFileThatIsNoSocketIsLeftAlone) {
  const std::string path = folder_ + "/precious";
  std::filesystem::create_directory(path);
  const auto listener = net::UnixListener::listen(path, std::nullopt);
  ASSERT_FALSE(listener.has_value());
  EXPECT_EQ(listener.error().code, EEXIST);
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace turnpike::http
