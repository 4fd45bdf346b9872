#include "turn/bandwidth.h"

#include <gtest/gtest.h>

#include "auth/time_limited.h"
#include "unit/turn/everyday.h"
#include "unit/turn/tcp_client.h"

namespace turnpike::turn {
namespace {

using testing::Bytes;

TEST(RateBurst, IsAFifthOfASecondButAlwaysOneDatagram) {
  EXPECT_EQ(rate_burst(1'000'000), 200'000U);
  EXPECT_EQ(rate_burst(100), 2048U);
}

TEST(Demand, HasNoLevelWhenThereIsEnough) {
  Demand demand;
  EXPECT_EQ(demand.level(100), kNoLevel);
  demand.add(40);
  demand.add(60);
  EXPECT_EQ(demand.level(100), kNoLevel);
  EXPECT_EQ(demand.below(kNoLevel), 100U);
}

TEST(Demand, DividesAmongTheGreedyWhatTheModestLeave) {
  Demand demand;
  demand.add(10);
  demand.add(1000);
  demand.add(3000);
  EXPECT_EQ(demand.level(210), 100U);
  EXPECT_EQ(demand.below(100), 210U);
}

TEST(Demand, FollowsASessionThatWantsMore) {
  Demand demand;
  demand.add(100);
  demand.grow(100, 900);
  demand.grow(1000, 1);
  Demand other;
  other.add(1001);
  demand.merge(other);
  EXPECT_EQ(demand.below(kNoLevel), 2002U);
  EXPECT_EQ(demand.level(1000), 500U);
}

TEST(CapacityCredit, HasNoLimitWithoutAPool) {
  EXPECT_FALSE(CapacityCredit(nullptr, 0).is_limited());
  CapacityPool unlimited(0, kStart);
  EXPECT_FALSE(CapacityCredit(&unlimited, 0).is_limited());
}

// Sessions on several workers that share one capacity, in virtual time.
class CapacityTest : public ::testing::Test {
 protected:
  struct Session {
    size_t worker;
    uint64_t wants_per_s;
    uint64_t size = 1000;
    CapacityShare share{};
    uint64_t sent = 0;
    uint64_t got = 0;
  };

  void run(seconds time) {
    const Instant end = now_ + time;
    for (; now_ < end; now_ += milliseconds(1)) {
      for (Session& session : sessions_) offer(session);
    }
  }
  void offer(Session& session) {
    const auto elapsed = static_cast<uint64_t>((now_ - began_) / milliseconds(1)) + 1;
    while (session.sent + session.size <= session.wants_per_s * elapsed / 1000) {
      session.sent += session.size;
      if (workers_[session.worker].take(session.share, session.size, now_)) {
        session.got += session.size;
      }
    }
  }
  // What each session got in the next `time`.
  std::vector<uint64_t> shares(seconds time) {
    for (Session& session : sessions_) session.got = 0;
    run(time);
    std::vector<uint64_t> got;
    for (const Session& session : sessions_) got.push_back(session.got);
    return got;
  }
  static uint64_t sum(const std::vector<uint64_t>& numbers) {
    uint64_t total = 0;
    for (const uint64_t number : numbers) total += number;
    return total;
  }

  static constexpr uint64_t kRate = 1'000'000;
  CapacityPool pool_{kRate, kStart};
  std::vector<CapacityCredit> workers_{{&pool_, 0}, {&pool_, 1}, {&pool_, 2}};
  std::vector<Session> sessions_;
  const Instant began_ = kStart;
  Instant now_ = kStart;
};

TEST_F(CapacityTest, HoldsTheRateWithinOneInTwentyEverySecond) {
  sessions_ = {{0, 5'000'000}, {1, 3'000'000}};
  run(seconds(1));  // The burst goes.
  for (int i = 0; i < 10; ++i) {
    const uint64_t total = sum(shares(seconds(1)));
    EXPECT_GE(total, kRate * 95 / 100);
    EXPECT_LE(total, kRate * 105 / 100);
  }
}

TEST_F(CapacityTest, LetsABurstOfAFifthOfASecondThrough) {
  sessions_ = {{0, 50'000'000}};
  const uint64_t first = sum(shares(seconds(1)));
  EXPECT_LE(first, kRate + rate_burst(kRate) + kRate / 20);
}

// Five, two and one: workers that took what there is would give the last one five times as much.
TEST_F(CapacityTest, GivesEightGreedySessionsOnUnevenWorkersTheSame) {
  for (const size_t worker : {0U, 0U, 0U, 0U, 0U, 1U, 1U, 2U})
    sessions_.push_back({worker, 1'000'000});
  run(seconds(1));
  const auto got = shares(seconds(5));
  EXPECT_GE(sum(got), 5 * kRate * 95 / 100);
  EXPECT_LE(sum(got), 5 * kRate * 105 / 100);
  for (const uint64_t one : got) {
    EXPECT_GE(one, 5 * kRate / 8 * 93 / 100) << ::testing::PrintToString(got);
    EXPECT_LE(one, 5 * kRate / 8 * 107 / 100) << ::testing::PrintToString(got);
  }
}

TEST_F(CapacityTest, GivesTheSameToThoseWhoShoutLouder) {
  sessions_ = {{0, 10'000'000}, {0, 1'000'000}, {1, 600'000, 200}, {2, 2'000'000, 1400}};
  run(seconds(1));
  for (const uint64_t one : shares(seconds(4))) EXPECT_NEAR(static_cast<double>(one), 1e6, 7e4);
}

TEST_F(CapacityTest, GivesTheModestAllTheyWant) {
  sessions_ = {{0, 20'000, 100}, {0, 3'000'000}, {1, 3'000'000}};
  run(seconds(1));
  const auto got = shares(seconds(4));
  EXPECT_GE(got[0], 4 * 20'000 * 99 / 100);
  EXPECT_NEAR(static_cast<double>(got[1]), 4 * 490'000.0, 1e5);
}

TEST_F(CapacityTest, GivesOneAllThatNobodyElseWants) {
  sessions_ = {{0, 3'000'000}, {1, 3'000'000}};
  run(seconds(1));
  sessions_.pop_back();
  EXPECT_GE(shares(seconds(2))[0], 2 * kRate * 95 / 100);
}

TEST_F(CapacityTest, LetsDatagramsThroughThatAreLargerThanAPeriodsShare) {
  sessions_ = {{0, 2'000'000, 40'000}, {1, 2'000'000, 40'000}, {2, 2'000'000, 40'000}};
  run(seconds(1));
  for (const uint64_t one : shares(seconds(6))) EXPECT_NEAR(static_cast<double>(one), 2e6, 2e5);
}

// A share of 5,000 bytes in 50 ms: what comes once a second has long been earned by then.
TEST_F(CapacityTest, GivesThoseWhoComeSeldomAllTheyWant) {
  sessions_ = {{0, 60'000, 60'000}};
  for (size_t i = 1; i < 10; ++i) sessions_.push_back({i % 3, 1'000'000, 200});
  run(seconds(2));
  const auto got = shares(seconds(20));
  EXPECT_GE(got[0], 20 * 60'000 * 95 / 100) << ::testing::PrintToString(got);
  EXPECT_LE(sum(got), 20 * kRate * 105 / 100);
}

TEST_F(CapacityTest, GivesThoseWhoComeSeldomAllTheyWantOfVeryLittle) {
  pool_.set_rate(40'000, now_);
  sessions_ = {{0, 1400, 1400}};
  for (size_t i = 1; i < 20; ++i) sessions_.push_back({0, 10'000, 200});
  run(seconds(3));
  const auto got = shares(seconds(100));
  EXPECT_GE(got[0], 100 * 1400 * 95 / 100) << ::testing::PrintToString(got);
  EXPECT_GE(sum(got), 100 * 40'000 * 95 / 100);
  EXPECT_LE(sum(got), 100 * 40'000 * 105 / 100);
}

TEST_F(CapacityTest, LetsDatagramsThroughThatAreLargerThanItsBurst) {
  pool_.set_rate(20'000, now_);  // A burst of 4,000 bytes.
  sessions_ = {{0, 50'000, 5000}, {1, 50'000, 100}};
  run(seconds(2));
  const auto got = shares(seconds(50));
  for (const uint64_t one : got) EXPECT_GE(one, 300'000U) << ::testing::PrintToString(got);
  EXPECT_NEAR(static_cast<double>(sum(got)), 1e6, 5e4);
}

// Nobody was expected, and all of it comes in one instant.
TEST_F(CapacityTest, LetsABurstThroughAfterSilence) {
  CapacityShare share;
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(workers_[0].take(share, 1000, now_)) << i;
  EXPECT_FALSE(workers_[0].take(share, 1000, now_));
}

TEST_F(CapacityTest, GivesAByteToEachOfManyMoreThanItHasBytes) {
  pool_.set_rate(2000, now_);  // A hundred bytes in 50 ms.
  for (size_t i = 0; i < 150; ++i) sessions_.push_back({i % 3, 2000, 100});
  run(seconds(10));
  const auto got = shares(seconds(100));
  EXPECT_GE(sum(got), 100 * 2000 * 90 / 100);
  EXPECT_LE(sum(got), 100 * 2000 * 105 / 100);
}

// Streams take what there is, but not less than is worth a read.
TEST_F(CapacityTest, LetsStreamsSaveUpAReadWhateverTheirShare) {
  constexpr uint64_t kWorthReading = 1024;
  pool_.set_rate(40'000, now_);  // 250 bytes for each in 50 ms.
  std::vector<CapacityShare> streams(8);
  std::vector<uint64_t> got(streams.size());
  const Instant end = now_ + seconds(20);
  for (; now_ < end; now_ += kCapacityPeriod) {
    for (size_t i = 0; i < streams.size(); ++i) {
      CapacityCredit& worker = workers_[i % workers_.size()];
      const uint64_t may = worker.available(streams[i], 16'384, now_);
      if (may < kWorthReading) continue;
      worker.spend(streams[i], may);
      got[i] += may;
    }
  }
  EXPECT_GE(sum(got), 20 * 40'000 * 95 / 100) << ::testing::PrintToString(got);
  EXPECT_LE(sum(got), 20 * 40'000 * 105 / 100 + 8000);
  for (const uint64_t one : got) EXPECT_NEAR(static_cast<double>(one), 1e5, 15e3);
}

class SessionRateTest : public ::testing::Test {
 protected:
  SessionRateTest() : core_({.settings = limited()}) {
    client_.allocate();
    client_.bind(0x4000, "9.9.9.9:1");
  }
  static Settings limited() {
    Settings settings;
    settings.session.bytes_per_s = 20'000;  // A burst of 4,000 bytes.
    return settings;
  }
  size_t upward(int packets) {
    size_t through = 0;
    for (int i = 0; i < packets; ++i) {
      client_.send_channel(0x4000, std::string(1000, 'x'));
      through += core_.to_peer.size();
    }
    return through;
  }
  size_t downward(int packets) {
    size_t through = 0;
    for (int i = 0; i < packets; ++i) {
      core_.peer_packet(client_.relayed(), endpoint("9.9.9.9:1"), Bytes(1000));
      through += core_.to_client.size();
    }
    return through;
  }
  CoreDriver core_;
  CoreClient client_{core_, "8.8.8.8:1"};
};

TEST_F(SessionRateTest, HoldsEachDirectionByItself) {
  EXPECT_EQ(upward(10), 4U);
  EXPECT_EQ(downward(10), 4U);
  EXPECT_EQ(core_.count(&Counters::drop_session_rate), 12U);
}

TEST_F(SessionRateTest, RefillsWithTime) {
  upward(10);
  core_.advance(milliseconds(100));
  EXPECT_EQ(upward(10), 2U);
}

TEST_F(SessionRateTest, HoldsEachSessionByItself) {
  CoreClient other(core_, "8.8.8.8:2");
  other.allocate();
  other.permit({"9.9.9.9:1"});
  upward(10);
  other.send("9.9.9.9:1", "x");
  EXPECT_EQ(core_.to_peer.size(), 1U);
}

// A stranger's datagrams take nothing from the session.
TEST_F(SessionRateTest, CountsOnlyWhatIsPermitted) {
  for (int i = 0; i < 10; ++i) {
    core_.peer_packet(client_.relayed(), endpoint("9.9.9.8:1"), Bytes(1000));
  }
  EXPECT_EQ(downward(4), 4U);
}

TEST_F(SessionRateTest, HoldsTheRateWithinOneInTwentyOverASecond) {
  upward(10);
  size_t through = 0;
  for (int ms = 0; ms < 5000; ms += 10) {
    core_.advance(milliseconds(10));
    through += upward(1);
  }
  EXPECT_GE(through, 95U);
  EXPECT_LE(through, 105U);
}

TEST_F(SessionRateTest, LetsDatagramsThroughThatAreLargerThanItsBurst) {
  size_t through = 0;
  for (int i = 0; i < 12; ++i) {
    client_.send_channel(0x4000, std::string(5000, 'x'));
    through += core_.to_peer.size();
    core_.advance(milliseconds(600));  // 12,000 bytes.
  }
  EXPECT_EQ(through, 12U);
  for (int i = 0; i < 500; ++i) {
    client_.send_channel(0x4000, std::string(5000, 'x'));
    through += core_.to_peer.size();
    core_.advance(milliseconds(10));
  }
  EXPECT_LE(through, 12U + (5 * 20'000 + 4000) / 5000 + 1);
  EXPECT_GE(through, 12U + 5 * 20'000 / 5000 - 1);
}

TEST_F(SessionRateTest, IsWhatTheStoreSaysOfTheUserThenOfHisRealm) {
  core_.limits["alice"].max_bps = 50'000;
  core_.realm_limits.max_bps = 30'000;
  core_.publish_users();
  core_.add_user("bob", "secret");
  for (const auto& [user, expected] : {std::pair("alice", 10U), std::pair("bob", 6U)}) {
    CoreClient client(core_, user[0] == 'a' ? "8.8.8.8:11" : "8.8.8.8:12", user, "secret");
    client.allocate();
    client.permit({"9.9.9.9:1"});
    size_t through = 0;
    for (int i = 0; i < 20; ++i) {
      client.send("9.9.9.9:1", std::string(1000, 'x'));
      through += core_.to_peer.size();
    }
    EXPECT_EQ(through, expected) << user;
  }
}

TEST_F(SessionRateTest, OfZeroInTheStoreIsNoLimit) {
  core_.realm_limits.max_bps = 0;
  core_.publish_users();
  CoreClient client(core_, "8.8.8.8:11");
  client.allocate();
  client.permit({"9.9.9.9:1"});
  for (int i = 0; i < 20; ++i) {
    client.send("9.9.9.9:1", std::string(1000, 'x'));
    EXPECT_EQ(core_.to_peer.size(), 1U);
  }
}

TEST_F(SessionRateTest, CountsPacketsToo) {
  Settings settings;
  settings.session.packets_per_s = 100;  // Twenty at once.
  core_.use_settings(settings);
  CoreClient client(core_, "8.8.8.8:11");
  client.allocate();
  client.bind(0x4000, "9.9.9.9:1");
  size_t through = 0;
  for (int i = 0; i < 50; ++i) {
    client.send_channel(0x4000, "x");
    through += core_.to_peer.size();
  }
  EXPECT_EQ(through, 20U);
  EXPECT_EQ(core_.count(&Counters::drop_packet_rate), 30U);
  core_.advance(milliseconds(100));
  client.send_channel(0x4000, "x");
  EXPECT_EQ(core_.to_peer.size(), 1U);
}

TEST_F(SessionRateTest, OfASessionThatRunsFollowsTheSettings) {
  upward(10);
  Settings settings = core_.settings;
  settings.session.bytes_per_s = 50'000;
  core_.use_settings(settings);
  core_.advance(seconds(1));
  EXPECT_EQ(upward(20), 10U);
  EXPECT_EQ(downward(20), 10U);
  settings.session = {};
  core_.use_settings(settings);
  EXPECT_EQ(upward(100), 100U);
  settings.session.packets_per_s = 100;
  core_.use_settings(settings);
  EXPECT_EQ(upward(100), 20U);
}

// A change of rates is no gift: what was used up stays used up.
TEST_F(SessionRateTest, IsNotFilledUpByAChange) {
  EXPECT_EQ(upward(10), 4U);
  Settings settings = core_.settings;
  settings.session.bytes_per_s = 25'000;
  core_.use_settings(settings);
  EXPECT_EQ(upward(10), 0U);
}

TEST_F(SessionRateTest, OfASessionThatRunsFollowsTheStore) {
  upward(10);
  core_.realm_limits.max_bps = 30'000;
  core_.publish_users();
  core_.advance(seconds(1));
  EXPECT_EQ(upward(20), 6U);
  core_.limits["alice"].max_bps = 50'000;
  core_.publish_users();
  core_.advance(seconds(1));
  EXPECT_EQ(upward(20), 10U);
  core_.limits.clear();
  core_.realm_limits.max_bps = 0;
  core_.publish_users();
  EXPECT_EQ(upward(100), 100U);
}

// A name that carries its own expiry is not a user of the store, whatever stands there.
TEST_F(SessionRateTest, OfATimeLimitedNameIsTheRealms) {
  Settings settings = core_.settings;
  settings.shared_secrets = {"north"};
  core_.use_settings(settings);
  const std::string name = "1800000000:carol";
  core_.limits[name].max_bps = 50'000;
  core_.publish_users();
  CoreClient client(core_, "8.8.8.8:11", name, auth::time_limited_password("north", name));
  ASSERT_TRUE(client.allocate().is(stun::Class::success));
  client.permit({"9.9.9.9:1"});
  size_t through = 0;
  for (int i = 0; i < 20; ++i) {
    client.send("9.9.9.9:1", std::string(1000, 'x'));
    through += core_.to_peer.size();
  }
  EXPECT_EQ(through, 4U);
}

TEST_F(SessionRateTest, DropsAreInTheBalance) {
  upward(10);
  downward(10);
  const testing::Balance balance = balance_of(core_);
  EXPECT_EQ(balance.client_lost, 6);
  EXPECT_EQ(balance.peer_lost, 6);
  EXPECT_EQ(core_.count(&Counters::drop_session_rate), 12U);
}

// RFC 6062: what the session may read, asked for as often as a busy worker does.
class StreamRateTest : public ::testing::Test {
 protected:
  StreamRateTest() {
    client_.open();
    client_.connect(kPeer);
    stream_ = core_.effects<ConnectPeer>().at(0).connection;
    core_.peer_connected(stream_, PeerConnect::connected);
  }
  static CoreDriver::Options limited() {
    CoreDriver::Options options;
    options.settings.session.bytes_per_s = 20'000;
    return options;
  }
  uint64_t relay(Duration time) {
    uint64_t sum = 0;
    const Instant end = core_.now.mono + time;
    for (; core_.now.mono < end; core_.advance(milliseconds(10))) {
      const size_t may =
          core_.server->may_relay(core_.now, stream_, StreamDirection::to_client, 16'384);
      core_.server->on_relayed(core_.now, stream_, StreamDirection::to_client, may, may);
      sum += may;
    }
    return sum;
  }
  CoreDriver core_{limited()};
  TcpClient client_{core_};
  ConnectionRef stream_;
};

TEST_F(StreamRateTest, HoldsTheRateWithinOneInTwentyOverASecond) {
  EXPECT_EQ(relay(milliseconds(10)), 4000U);
  for (int i = 0; i < 5; ++i) {
    const uint64_t second = relay(seconds(1));
    EXPECT_GE(second, 20'000U * 95 / 100);
    EXPECT_LE(second, 20'000U * 105 / 100);
  }
}

// What has come with the ConnectionBind is relayed in any case, and counts.
TEST_F(StreamRateTest, IsOwedWhatWasRelayedUnasked) {
  core_.server->on_relayed(core_.now, stream_, StreamDirection::to_client, 24'000, 24'000);
  EXPECT_EQ(relay(seconds(1)), 0U);
  EXPECT_EQ(core_.server->may_relay(core_.now, stream_, StreamDirection::from_client, 16'384),
            4000U);
}

TEST(CapacityPool, ANewRateCountsAtOnce) {
  const Instant start{seconds(1000)};
  CapacityPool pool(1'000'000, start);
  EXPECT_EQ(pool.borrow(1'000'000, start), 200'000U);
  pool.set_rate(100'000, start);
  EXPECT_EQ(pool.rate(), 100'000U);
  EXPECT_EQ(pool.borrow(1'000'000, start), 20'000U);
  EXPECT_EQ(pool.borrow(1'000'000, start + milliseconds(100)), 10'000U);
}

}  // namespace
}  // namespace turnpike::turn
