#include "turn/bandwidth.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

const Instant kStart = Instant(seconds(1000));

TEST(RateBurst, IsAFifthOfASecondButAlwaysOneDatagram) {
  EXPECT_EQ(rate_burst(1'000'000), 200'000U);
  EXPECT_EQ(rate_burst(100), 2048U);
}

TEST(CapacityCredit, HasNoLimitWithoutAPool) {
  CapacityCredit none(nullptr);
  EXPECT_TRUE(none.take(1'000'000'000, kStart));
  CapacityPool unlimited(0, kStart);
  CapacityCredit credit(&unlimited);
  EXPECT_TRUE(credit.take(1'000'000'000, kStart));
}

TEST(CapacityCredit, LetsTheRateThroughWhoeverTakesIt) {
  CapacityPool pool(1'000'000, kStart);
  CapacityCredit first(&pool);
  CapacityCredit second(&pool);
  uint64_t taken = 0;
  // Ten seconds in which two workers want ten times as much as there is.
  for (int ms = 0; ms < 10'000; ++ms) {
    const Instant now = kStart + milliseconds(ms);
    for (int i = 0; i < 5; ++i) {
      taken += first.take(1000, now) ? 1000U : 0U;
      taken += second.take(1000, now) ? 1000U : 0U;
    }
  }
  EXPECT_GE(taken, 10'000'000U);
  EXPECT_LE(taken, 10'000'000U + rate_burst(1'000'000) + 20'000);
}

class SessionRateTest : public ::testing::Test {
 protected:
  SessionRateTest() : core_({.settings = limited()}) {
    client_.allocate();
    client_.bind(0x4000, "9.9.9.9:1");
  }
  static Settings limited() {
    Settings settings;
    settings.session_bytes_per_s = 20'000;  // A burst of 4,000 bytes.
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

TEST_F(SessionRateTest, DropsAreInTheBalance) {
  upward(10);
  downward(10);
  const testing::Balance balance = balance_of(core_);
  EXPECT_EQ(balance.client_lost, 6);
  EXPECT_EQ(balance.peer_lost, 6);
  EXPECT_EQ(core_.count(&Counters::drop_session_rate), 12U);
}

}  // namespace
}  // namespace turnpike::turn
