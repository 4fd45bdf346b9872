// The whole server over real sockets, in this process, so that sanitizers see all of it.
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "auth/store/user_database.h"
#include "loopback/loopback_server.h"
#include "support/sanitized.h"

namespace turnpike::test {
namespace {

client::AllocateOptions any() {
  return {};
}

TEST(LoopbackServer, AnswersWithinAHundredMillisecondsOfItsStart) {
  const Instant begin = net::monotonic_now();
  const LoopbackServer server;
  ASSERT_EQ(server.error(), "");
  ClientBench bench;
  const auto client = bench.client(server);
  ASSERT_TRUE(client->turn.allocate(any()));
  EXPECT_LT(net::monotonic_now() - begin,
            TURNPIKE_SANITIZED ? milliseconds(2000) : milliseconds(100));
}

TEST(LoopbackServer, StartsAndStopsManyTimesWithAClientEachTime) {
  const char* wanted = std::getenv("TEST_START_CYCLES");
  const int cycles = wanted != nullptr ? std::atoi(wanted) : 25;
  for (int i = 0; i < cycles; ++i) {
    const LoopbackServer server;
    ASSERT_EQ(server.error(), "");
    ClientBench bench;
    const auto client = bench.client(server);
    ASSERT_TRUE(client->turn.allocate(any())) << "cycle " << i;
  }
}

TEST(LoopbackServer, RelaysToAPeerAndBack) {
  const LoopbackServer server;
  ClientBench bench;
  const auto client = bench.client(server);
  ASSERT_TRUE(client->turn.allocate(any()));

  std::vector<std::string> at_peer;
  Endpoint seen_from;
  const auto peer =
      bench.driver.open({Ip::v4(0x7f000001), 0}, [&](const Endpoint& from, ByteView b) {
        at_peer.emplace_back(as_text(b));
        seen_from = from;
      });
  ASSERT_TRUE(peer);
  const Endpoint peer_address = bench.driver.local(*peer);
  ASSERT_TRUE(client->turn.permit(peer_address));
  client->turn.send(peer_address, as_bytes("by indication"));
  ASSERT_TRUE(bench.wait([&] { return at_peer.size() == 1; }));
  EXPECT_EQ(seen_from, client->turn.session().relayed());

  ASSERT_EQ(bench.driver.send_to(*peer, seen_from, as_bytes("odd")), 0);
  ASSERT_TRUE(bench.wait([&] { return client->received.size() == 1; }));
  EXPECT_EQ(client->received[0], "odd");

  ASSERT_TRUE(client->turn.bind_channel(0x4001, peer_address));
  client->turn.send(peer_address, as_bytes("by channel"));
  ASSERT_TRUE(bench.wait([&] { return at_peer.size() == 2; }));
  ASSERT_EQ(bench.driver.send_to(*peer, seen_from, as_bytes("back")), 0);
  ASSERT_TRUE(bench.wait([&] { return client->received.size() == 2; }));
  EXPECT_EQ(client->received[1], "back");
  EXPECT_EQ(client->last_peer, peer_address);
}

// Clients come from many ports, so with two workers some pairs share a worker and some do not.
// Clients that stay: the port of one that is gone may be the next one's, which then meets its
// allocation.
class Crowd {
 public:
  Crowd(ClientBench& bench, const LoopbackServer& server) : bench_(bench), server_(server) {}
  Client& next() { return *clients_.emplace_back(bench_.client(server_)); }

 private:
  ClientBench& bench_;
  const LoopbackServer& server_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST(LoopbackServer, PassesBetweenItsOwnAllocationsWhicheverWorkerHasThem) {
  config::Config config = loopback_config();
  config.allow_loopback_peers = false;  // The in-process way does not need it.
  const LoopbackServer server(config);
  ClientBench bench;
  Crowd crowd(bench, server);
  for (int pair = 0; pair < 12; ++pair) {
    Client& a = crowd.next();
    Client& b = crowd.next();
    ASSERT_TRUE(a.turn.allocate(any()));
    ASSERT_TRUE(b.turn.allocate(any()));
    const Endpoint at_a = a.turn.session().relayed();
    const Endpoint at_b = b.turn.session().relayed();
    ASSERT_TRUE(a.turn.bind_channel(0x4000, at_b));
    ASSERT_TRUE(b.turn.bind_channel(0x4000, at_a));
    a.turn.send(at_b, as_bytes("ping"));
    ASSERT_TRUE(bench.wait([&] { return b.received.size() == 1; })) << "pair " << pair;
    EXPECT_EQ(b.last_peer, at_a);
    b.turn.send(at_a, as_bytes("pong"));
    ASSERT_TRUE(bench.wait([&] { return a.received.size() == 1; })) << "pair " << pair;
  }
}

TEST(LoopbackServer, HonoursAReservationThroughAnyWorker) {
  const LoopbackServer server;
  ClientBench bench;
  Crowd crowd(bench, server);
  for (int i = 0; i < 12; ++i) {
    Client& first = crowd.next();
    const auto opened = first.turn.allocate({.even_port = client::EvenPort::even_and_reserve_next});
    ASSERT_TRUE(opened);
    ASSERT_TRUE(opened->reservation_token.has_value());
    EXPECT_EQ(first.turn.session().relayed().port % 2, 0);
    Client& second = crowd.next();
    ASSERT_TRUE(second.turn.allocate({.reservation_token = opened->reservation_token}));
    EXPECT_EQ(second.turn.session().relayed().port, first.turn.session().relayed().port + 1);
    Client& thief = crowd.next();
    const auto again = thief.turn.allocate({.reservation_token = opened->reservation_token});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, 508);
  }
}

TEST(LoopbackServer, AnswersAFullPortRangeAndHealsWhenAPortIsFree) {
  config::Config config = loopback_config();
  config.min_port = 47310;
  config.max_port = 47313;
  const LoopbackServer server(config);
  ASSERT_EQ(server.error(), "");
  ClientBench bench;
  std::vector<std::unique_ptr<Client>> holders;
  for (int i = 0; i < 4; ++i) {
    holders.push_back(bench.client(server));
    ASSERT_TRUE(holders.back()->turn.allocate(any())) << i;
  }
  const auto late = bench.client(server);
  const auto refused = late->turn.allocate(any());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 508);
  ASSERT_TRUE(holders.back()->turn.release());
  // Other workers may remember for a second that the port was taken.
  bool healed = false;
  const Instant give_up = net::monotonic_now() + seconds(5);
  while (!healed && net::monotonic_now() < give_up) healed = late->turn.allocate(any()).has_value();
  EXPECT_TRUE(healed);
}

TEST(LoopbackServer, AnswersWhenDescriptorsRunOutAndHeals) {
  const LoopbackServer server;
  ClientBench bench;
  const auto early = bench.client(server);
  const auto late = bench.client(server);
  ASSERT_TRUE(early->turn.allocate(any()));

  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto refused = late->turn.allocate(any());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 508);
  EXPECT_TRUE(late->turn.allocate(any()));
}

TEST(LoopbackServer, HoldsAUserToTheQuotaAcrossWorkers) {
  config::Config config = loopback_config();
  config.user_quota = 3;
  const LoopbackServer server(config);
  ClientBench bench;
  std::vector<std::unique_ptr<Client>> clients;
  int admitted = 0;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(bench.client(server));
    const auto outcome = clients.back()->turn.allocate(any());
    if (outcome) {
      ++admitted;
    } else {
      EXPECT_EQ(outcome.error().code, 486);
    }
  }
  EXPECT_EQ(admitted, 3);
}

class DatabaseServer : public testing::Test {
 protected:
  DatabaseServer()
      : folder_(testing::TempDir() + "turnpike-db-" + std::to_string(::getpid())),
        path_(folder_ + "/turndb") {
    std::filesystem::create_directories(folder_);
    EXPECT_TRUE(auth::ensure_user_database(path_, auth::ParentDirectories::expect));
  }
  ~DatabaseServer() override { std::filesystem::remove_all(folder_); }

  config::Config config() const {
    config::Config config = loopback_config();
    config.users.clear();
    config.userdb_path = path_;
    return config;
  }
  auth::UserDatabase database() const {
    return std::move(*auth::UserDatabase::open(path_, auth::UserDatabase::Open::existing));
  }
  void put(const char* password) {
    ASSERT_TRUE(database().put_user("r", "u", auth::UserKeys::from_password("u", "r", password)));
  }
  // Whether a client can allocate within two seconds (a change takes effect within one).
  static bool can_log_in_soon(ClientBench& bench, const LoopbackServer& server) {
    const Instant give_up = net::monotonic_now() + seconds(2);
    while (net::monotonic_now() < give_up) {
      if (bench.client(server)->turn.allocate({})) return true;
    }
    return false;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(DatabaseServer, TakesInUsersAddedWhileItRuns) {
  const LoopbackServer server(config());
  ClientBench bench;
  const auto refused = bench.client(server)->turn.allocate(any());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 401);
  put("p");
  EXPECT_TRUE(can_log_in_soon(bench, server));
}

TEST_F(DatabaseServer, AChangedPasswordEndsRefreshesButNotTheSession) {
  put("p");
  const LoopbackServer server(config());
  ClientBench bench;
  const auto client = bench.client(server);
  ASSERT_TRUE(client->turn.allocate(any()));
  put("another");
  ClientBench renewed;
  renewed.settings.credentials.password = "another";
  ASSERT_TRUE(can_log_in_soon(renewed, server));
  const auto refused = client->turn.permit({Ip::v4(0x7f000001), 9});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 401);
}

TEST_F(DatabaseServer, SessionsGoOnWhileTheDatabaseIsAway) {
  put("p");
  const LoopbackServer server(config());
  ClientBench bench;
  const auto client = bench.client(server);
  ASSERT_TRUE(client->turn.allocate(any()));
  std::filesystem::rename(path_, path_ + ".away");
  ClientBench unknown;
  unknown.settings.credentials.username = "somebody else";
  EXPECT_FALSE(unknown.client(server)->turn.allocate(any()));
  EXPECT_TRUE(client->turn.permit({Ip::v4(0x7f000001), 9}));
  std::filesystem::rename(path_ + ".away", path_);
  EXPECT_TRUE(can_log_in_soon(bench, server));
}

TEST(LoopbackServer, RefusesAPortThatAnotherServerHas) {
  const LoopbackServer first;
  config::Config config = loopback_config();
  config.listening_port = first.endpoint().port;
  const auto second = server::Supervisor::start(config);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find(first.endpoint().to_string()), std::string::npos) << second.error();
}

}  // namespace
}  // namespace turnpike::test
