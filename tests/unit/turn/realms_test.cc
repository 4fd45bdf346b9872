// Several realms on one server, told apart by ORIGIN.
#include "turn/realms.h"

#include <gtest/gtest.h>

#include "auth/time_limited.h"
#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::Method;
using testing::Bytes;
using testing::CoreClient;
using testing::CoreDriver;
using testing::endpoint;

constexpr auto kOrigin = static_cast<AttributeType>(0x802F);

class RealmsTest : public ::testing::Test {
 protected:
  RealmsTest() {
    core_.origins["https://north.example:443"] = "north";
    core_.origins["https://south.example:443"] = "south";
    core_.origins["https://home.example:443"] = core_.settings.realm;
    core_.other_users["north"]["nora"] = "snow";
    core_.other_users["south"]["nora"] = "sand";
    core_.publish_users();
  }
  // A client that sends this ORIGIN with every request; none when it is empty.
  CoreClient client(std::string_view address, const std::string& origin,
                    const std::string& user = "nora", const std::string& password = "snow") {
    CoreClient made(core_, address, user, password);
    made.always = [origin](stun::MessageBuilder& b) {
      if (!origin.empty()) b.add(kOrigin, origin);
    };
    return made;
  }
  std::string challenged_in(const std::string& origin) {
    CoreClient stranger = client("8.8.8.8:999", origin);
    stranger.learn_nonce();
    return stranger.credentials.realm;
  }
  CoreDriver core_;
};

TEST_F(RealmsTest, AKnownOriginIsChallengedInItsRealm) {
  EXPECT_EQ(challenged_in("https://north.example"), "north");
  EXPECT_EQ(challenged_in("https://NORTH.example:443/page"), "north");
  EXPECT_EQ(challenged_in("https://south.example:443"), "south");
  EXPECT_EQ(challenged_in("https://home.example"), core_.settings.realm);
}

TEST_F(RealmsTest, AnyOtherIsChallengedInTheServersOwn) {
  for (const char* origin : {"", "https://nobody.example", "http://north.example", "north"}) {
    EXPECT_EQ(challenged_in(origin), core_.settings.realm) << origin;
  }
  EXPECT_EQ(challenged_in(std::string(600, 'x')), core_.settings.realm);
}

TEST_F(RealmsTest, AnAllocationBelongsToTheRealm) {
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  ASSERT_TRUE(north.allocate().is(Class::success));
  EXPECT_EQ(north.allocation()->realm, "north");
  EXPECT_EQ(core_.effects<AllocationOpened>().front().realm, "north");
  EXPECT_TRUE(north.permit({"9.9.9.9:1"}).is(Class::success));
  EXPECT_TRUE(north.refresh(0).is(Class::success));
  EXPECT_EQ(core_.effects<AllocationClosed>().front().realm, "north");
}

// The same name is somebody else in another realm, and what is remembered of one is not of use for
// the other.
TEST_F(RealmsTest, UsersAreOfTheirRealmOnly) {
  EXPECT_TRUE(client("8.8.8.8:1", "https://north.example").allocate().is(Class::success));
  EXPECT_TRUE(
      client("8.8.8.8:2", "https://south.example", "nora", "sand").allocate().is(Class::success));
  EXPECT_EQ(client("8.8.8.8:3", "https://south.example", "nora", "snow").allocate().error(), 401);
  EXPECT_EQ(client("8.8.8.8:4", "https://north.example", "nora", "sand").allocate().error(), 401);
  EXPECT_EQ(client("8.8.8.8:5", "").allocate().error(), 401);
  EXPECT_EQ(client("8.8.8.8:6", "https://north.example", "alice", "secret").allocate().error(),
            401);
}

TEST_F(RealmsTest, WithoutOriginNobodyLogsInToAnother) {
  CoreClient sly = client("8.8.8.8:1", "");
  sly.learn_nonce();
  sly.credentials.realm = "north";
  EXPECT_EQ(sly.allocate().error(), 401);
}

TEST_F(RealmsTest, SecretsAreOfTheirRealmAndTheConfiguredOnesOfAll) {
  core_.other_secrets["north"] = {"ice"};
  Settings settings = core_.settings;
  settings.shared_secrets = {"operator"};
  core_.use_settings(settings);
  core_.publish_users();
  const std::string name = "1800000000:guest";
  const std::string by_ice = auth::time_limited_password("ice", name);
  const std::string by_operator = auth::time_limited_password("operator", name);
  EXPECT_TRUE(
      client("8.8.8.8:1", "https://north.example", name, by_ice).allocate().is(Class::success));
  EXPECT_EQ(client("8.8.8.8:2", "https://south.example", name, by_ice).allocate().error(), 401);
  EXPECT_EQ(client("8.8.8.8:3", "", name, by_ice).allocate().error(), 401);
  for (const char* origin : {"", "https://north.example", "https://south.example"}) {
    EXPECT_TRUE(client("8.8.8.8:4", origin, name, by_operator).allocate().is(Class::success));
    core_.server->kill(core_.now, {}, CloseReason::killed, core_.out);
  }
}

TEST_F(RealmsTest, SecretsOfTheStoreCountOnlyWhereSecretsAreUsed) {
  core_.other_secrets["north"] = {"ice"};
  Settings settings = core_.settings;
  settings.use_shared_secrets = false;
  core_.use_settings(settings);
  core_.publish_users();
  const std::string name = "1800000000:guest";
  EXPECT_EQ(
      client("8.8.8.8:1", "https://north.example", name, auth::time_limited_password("ice", name))
          .allocate()
          .error(),
      401);
}

// The ORIGIN may be left out once there is an allocation.
TEST_F(RealmsTest, AnAllocationRemembersItsRealm) {
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  north.allocate();
  north.always = {};
  EXPECT_TRUE(north.refresh(600).is(Class::success));
  // A challenge says it as well.
  north.learn_nonce();
  EXPECT_EQ(north.credentials.realm, "north");
}

TEST_F(RealmsTest, AnAllocationNeverChangesIt) {
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  ASSERT_TRUE(north.allocate().is(Class::success));
  // With the right password of the same name in another realm.
  CoreClient south = client("8.8.8.8:1", "https://south.example", "nora", "sand");
  EXPECT_EQ(south.refresh(0).error(), 441);
  EXPECT_EQ(south.permit({"9.9.9.9:1"}).error(), 441);
  EXPECT_EQ(south.bind(0x4000, "9.9.9.9:1").error(), 441);
  EXPECT_EQ(south.allocate().error(), 437);
  // With the credentials of the one and the ORIGIN of the other.
  CoreClient mixed = client("8.8.8.8:1", "https://south.example", "nora", "snow");
  mixed.learn_nonce();
  mixed.credentials.realm = "north";
  EXPECT_EQ(mixed.refresh(0).error(), 401);
  EXPECT_TRUE(north.refresh(600).is(Class::success));
}

// The same name and even the same password do not help: the realm is part of who somebody is.
TEST_F(RealmsTest, AnAllocationIsNotANamesakes) {
  core_.other_users["south"]["nora"] = "snow";
  core_.publish_users();
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  north.allocate();
  EXPECT_EQ(client("8.8.8.8:1", "https://south.example").refresh(0).error(), 441);
}

TEST_F(RealmsTest, WhileTheStoreIsAwayAnOwnerIsOneOfHisRealmOnly) {
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  north.allocate();
  core_.store_unavailable = true;
  core_.publish_users();
  EXPECT_TRUE(north.refresh(600).is(Class::success));
  EXPECT_EQ(client("8.8.8.8:1", "https://south.example").refresh(0).error(), 500);
}

TEST_F(RealmsTest, QuotasAreCountedInEachByItself) {
  Settings settings = core_.settings;
  settings.quota = {2, 3};
  core_.use_settings(settings);
  core_.other_limits["south"].total_quota = 1;
  core_.publish_users();
  const auto allocate = [&](int port, const char* origin, const char* password) {
    return client("8.8.8.8:" + std::to_string(port), origin, "nora", password).allocate().error();
  };
  EXPECT_EQ(allocate(1, "https://north.example", "snow"), 0);
  EXPECT_EQ(allocate(2, "https://north.example", "snow"), 0);
  EXPECT_EQ(allocate(3, "https://north.example", "snow"), 486);
  EXPECT_EQ(allocate(4, "https://south.example", "sand"), 0);
  EXPECT_EQ(allocate(5, "https://south.example", "sand"), 486);
  EXPECT_TRUE(client("8.8.8.8:6", "", "alice", "secret").allocate().is(Class::success));
  EXPECT_EQ(core_.quota.held_by("north", "nora"), 2U);
  EXPECT_EQ(core_.quota.held_by("south", "nora"), 1U);
}

TEST_F(RealmsTest, RatesAreTheRealmsAndFollowItInSessionsThatRun) {
  core_.other_limits["north"].max_bps = 30'000;
  core_.publish_users();
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  CoreClient own = client("8.8.8.8:2", "", "alice", "secret");
  const auto through = [&](CoreClient& sender) {
    size_t count = 0;
    for (int i = 0; i < 30; ++i) {
      sender.send("9.9.9.9:1", std::string(1000, 'x'));
      count += core_.to_peer.size();
    }
    return count;
  };
  for (CoreClient* each : {&north, &own}) {
    each->allocate();
    each->permit({"9.9.9.9:1"});
  }
  EXPECT_EQ(through(north), 6U);
  EXPECT_EQ(through(own), 30U);
  core_.other_limits["north"].max_bps = 50'000;
  core_.publish_users();
  core_.advance(seconds(1));
  EXPECT_EQ(through(north), 10U);
}

TEST_F(RealmsTest, PeersAreJudgedByTheRealmsRules) {
  Settings settings = core_.settings;
  PeerPolicySettings rules = core_.peer_settings;
  rules.rules.push_back({*IpRange::parse("9.9.9.9"), RuleAction::deny});
  settings.realm_peers["north"] = std::make_shared<PeerPolicy>(rules);
  core_.use_settings(settings);
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  CoreClient south = client("8.8.8.8:2", "https://south.example", "nora", "sand");
  north.allocate();
  south.allocate();
  EXPECT_EQ(north.permit({"9.9.9.9:1"}).error(), 403);
  EXPECT_EQ(north.bind(0x4000, "9.9.9.9:1").error(), 403);
  EXPECT_TRUE(south.permit({"9.9.9.9:1"}).is(Class::success));
}

TEST_F(RealmsTest, ARealmThatIsGoneLetsNobodyGoOn) {
  CoreClient north = client("8.8.8.8:1", "https://north.example");
  north.allocate();
  core_.origins.erase("https://north.example:443");
  core_.publish_users();
  EXPECT_EQ(north.refresh(600).error(), 401);
  EXPECT_EQ(challenged_in("https://north.example"), core_.settings.realm);
}

TEST_F(RealmsTest, CanBeSwitchedOff) {
  Settings settings = core_.settings;
  settings.realms_by_origin = false;
  core_.use_settings(settings);
  EXPECT_EQ(challenged_in("https://north.example"), core_.settings.realm);
}

// What stands behind the integrity attribute could be added by anybody on the way.
TEST_F(RealmsTest, AnOriginBehindTheIntegrityDoesNotCount) {
  CoreClient sly = client("8.8.8.8:1", "");
  sly.learn_nonce();
  const auto answer =
      sly.exchange(testing::make_request(Method::allocate, [&](stun::MessageBuilder& b) {
        b.add(AttributeType::username, "nora");
        b.add(AttributeType::realm, core_.settings.realm);
        b.add(AttributeType::nonce, sly.credentials.nonce);
        b.add_integrity_sha1(auth::Md5Key{});
        b.add(kOrigin, "https://north.example");
      }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error(), 401);
  EXPECT_EQ(answer->text(AttributeType::realm), core_.settings.realm);
}

TEST_F(RealmsTest, StrangersWithOriginsLeaveNothingBehind) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(challenged_in("https://stranger" + std::to_string(i) + ".example"),
              core_.settings.realm);
  }
  EXPECT_EQ(core_.server->waiting(), 0U);
  EXPECT_EQ(core_.server->allocations(), 0U);
  EXPECT_EQ(core_.quota.total(), 0U);
}

}  // namespace
}  // namespace turnpike::turn
