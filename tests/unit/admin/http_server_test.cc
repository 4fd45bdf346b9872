#include "admin/http_server.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/clock.h"

namespace turnpike::admin {
namespace {

using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    std::filesystem::create_directories(folder_);
    listener_.emplace(std::move(*net::UnixListener::listen(path_, std::nullopt)));
  }
  ~HttpServerTest() override {
    listener_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(const HttpLimits& limits) {
    server_.emplace(loop_, limits, [this](const HttpRequest& request, Door) {
      ++requests_;
      return HttpResponse{.body = request.path};
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
  std::optional<HttpServer> server_;
  int requests_ = 0;
};

TEST_F(HttpServerTest, AnswersARequestAndCloses) {
  start({});
  const net::Fd client = connect();
  net::write_stream(client, as_bytes("GET /a HTTP/1.1\r\n\r\n"));
  ASSERT_TRUE(run_until([&] { return requests_ == 1; }));
  const std::string answer = answer_on(client);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("/a"));
}

TEST_F(HttpServerTest, RefusesWithoutAskingTheHandler) {
  start({});
  const net::Fd client = connect();
  net::write_stream(client, as_bytes("nonsense\r\n\r\n"));
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  EXPECT_THAT(answer_on(client), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(requests_, 0);
}

TEST_F(HttpServerTest, ClosesWhoIsTooSlow) {
  start({.request_max = seconds(0)});
  const net::Fd client = connect();
  net::write_stream(client, as_bytes("GET /"));
  ASSERT_TRUE(run_until([&] { return server_->connections() == 1; }));
  EXPECT_EQ(answer_on(client), "");
}

TEST_F(HttpServerTest, HasNoMoreConnectionsThanItMay) {
  start({.connections = 2});
  std::vector<net::Fd> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect());
  std::array<uint8_t, 1> room{};
  ASSERT_TRUE(run_until([&] { return server_->connections() == 2; }));
  loop_.run_turn(milliseconds(20));
  EXPECT_EQ(server_->connections(), 2U);
  EXPECT_EQ(net::read_stream(clients[3], room).result, net::StreamResult::closed);
}

TEST_F(HttpServerTest, TheSocketIsForItsOwnerAlone) {
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(HttpServerTest, ALivingServersSocketIsNotTaken) {
  const auto second = net::UnixListener::listen(path_, std::nullopt);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST_F(HttpServerTest, ASocketLeftBehindIsTaken) {
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

TEST_F(HttpServerTest, AFileThatIsNoSocketIsLeftAlone) {
  const std::string path = folder_ + "/precious";
  std::filesystem::create_directory(path);
  const auto listener = net::UnixListener::listen(path, std::nullopt);
  ASSERT_FALSE(listener.has_value());
  EXPECT_EQ(listener.error().code, EEXIST);
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace turnpike::admin
