#include "turn/new_peers.h"

#include <gtest/gtest.h>

#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using testing::CoreClient;
using testing::CoreDriver;

// Ten new peers a second, and fifty at once.
class NewPeersTest : public ::testing::Test {
 protected:
  NewPeersTest() : core_({.settings = limited()}) { client_.allocate(); }
  static Settings limited() {
    Settings settings;
    settings.new_peers_per_s = 10;
    return settings;
  }
  static std::string port(int number) { return "9.9.9.9:" + std::to_string(number); }
  // How many of so many ports were reached.
  size_t scan(int first, int count) {
    size_t reached = 0;
    for (int i = first; i < first + count; ++i) {
      client_.send(port(i), "x");
      reached += core_.to_peer.size();
    }
    return reached;
  }
  CoreDriver core_;
  CoreClient client_{core_, "8.8.8.8:1"};
};

TEST_F(NewPeersTest, StopAScanOfPorts) {
  client_.permit({port(1)});
  EXPECT_EQ(scan(1, 1000), 49U);
  EXPECT_EQ(core_.count(&Counters::drop_new_peer), 951U);
  core_.advance(seconds(1));
  EXPECT_EQ(scan(2000, 1000), 10U);
}

TEST_F(NewPeersTest, LeaveThoseAloneWhoAreKnown) {
  client_.permit({port(1)});
  scan(1, 1000);
  for (int i = 0; i < 100; ++i) {
    client_.send(port(40), "x");
    EXPECT_EQ(core_.to_peer.size(), 1U);
  }
}

TEST_F(NewPeersTest, StopAScanByPermissions) {
  int granted = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string peer = "9.9." + std::to_string(i) + ".1:1";
    const auto answer = client_.permit({peer});
    granted += answer.is(stun::Class::success) ? 1 : 0;
  }
  EXPECT_EQ(granted, 50);
  EXPECT_EQ(core_.count(&Counters::new_peer_refusals), 150U);
  // Those that were granted may be refreshed.
  EXPECT_TRUE(client_.permit({"9.9.0.1:1"}).is(stun::Class::success));
  EXPECT_EQ(client_.permit({"9.9.0.1:1", "9.9.199.1:1"}).error(), 508);
}

TEST_F(NewPeersTest, StopAScanByChannels) {
  int bound = 0;
  for (int i = 0; i < 100; ++i) {
    const auto number = static_cast<uint16_t>(0x4000 + i);
    bound += client_.bind(number, port(1 + i)).is(stun::Class::success) ? 1 : 0;
  }
  EXPECT_EQ(bound, 50);
  EXPECT_TRUE(client_.bind(0x4000, port(1)).is(stun::Class::success));
}

TEST_F(NewPeersTest, AreOfEachSessionByItself) {
  client_.permit({port(1)});
  scan(1, 1000);
  CoreClient other(core_, "8.8.8.8:2");
  other.allocate();
  other.permit({port(1)});
  other.send(port(1), "x");
  EXPECT_EQ(core_.to_peer.size(), 1U);
}

TEST_F(NewPeersTest, HaveNoLimitOfZero) {
  core_.use_settings(Settings());
  client_.permit({port(1)});
  EXPECT_EQ(scan(1, 1000), 1000U);
}

TEST_F(NewPeersTest, FollowALimitThatChangesInASessionThatRuns) {
  client_.permit({port(1)});
  scan(1, 1000);
  Settings settings = core_.settings;
  settings.new_peers_per_s = 2;
  core_.use_settings(settings);
  core_.advance(seconds(1));
  EXPECT_EQ(scan(2000, 100), 2U);
  settings.new_peers_per_s = 0;
  core_.use_settings(settings);
  EXPECT_EQ(scan(3000, 100), 100U);
}

TEST_F(NewPeersTest, AreInTheBalanceWhenDropped) {
  client_.permit({port(1)});
  scan(1, 100);
  EXPECT_EQ(balance_of(core_).client_lost, 0);
}

}  // namespace
}  // namespace turnpike::turn
