// The gate: what time-limited names may do, whom the store's silence stops, what no-auth means.
#include "turn/authenticate.h"

#include <gtest/gtest.h>

#include "auth/time_limited.h"
#include "support/core_driver.h"
#include "unit/turn/everyday.h"

namespace turnpike::turn {
namespace {

using stun::Class;
using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;

const std::string kName = "1700000100:dave";  // Good for 100 seconds of the tests' time.

class SharedSecretGateTest : public ::testing::Test {
 protected:
  SharedSecretGateTest() {
    core_.settings.shared_secrets = {"north"};
    core_.use_settings(core_.settings);
  }
  CoreDriver core_;
  CoreClient client_{core_, kHome, kName, auth::time_limited_password("north", kName)};
};

TEST_F(SharedSecretGateTest, LetsATimeLimitedNameAllocateUntilItsSecond) {
  core_.advance(seconds(100));
  EXPECT_TRUE(client_.allocate().is(Class::success));
}

TEST_F(SharedSecretGateTest, DoesNotLetAnExpiredNameAllocate) {
  core_.advance(seconds(101));
  EXPECT_EQ(client_.allocate().error(), 401);
  ASSERT_EQ(core_.effects<CredentialsRefused>().size(), 1U);
  EXPECT_EQ(core_.effects<CredentialsRefused>()[0].fault, auth::Fault::expired);
}

TEST_F(SharedSecretGateTest, LetsAnExpiredNameGoOnWithItsAllocation) {
  client_.allocate();
  core_.advance(seconds(101));
  EXPECT_TRUE(client_.refresh(600).is(Class::success));
  EXPECT_TRUE(client_.permit({"9.9.9.9:1"}).is(Class::success));
  EXPECT_TRUE(client_.bind(0x4000, "9.9.9.9:1").is(Class::success));
}

TEST_F(SharedSecretGateTest, DoesNotLetAnExpiredNameGoOnWhenItIsStrict) {
  client_.allocate();
  core_.settings.strict_expiry = true;
  core_.use_settings(core_.settings);
  core_.advance(seconds(101));
  EXPECT_EQ(client_.refresh(600).error(), 401);
  EXPECT_EQ(core_.server->allocations(), 1U);
}

TEST_F(SharedSecretGateTest, DoesNotLetAnExpiredNameTouchAnothersAllocation) {
  CoreClient alice(core_, kHome);
  alice.allocate();
  core_.advance(seconds(101));
  EXPECT_EQ(client_.refresh(0).error(), 401);
}

TEST_F(SharedSecretGateTest, KeepsAnotherNameOfTheSameUserFromTheAllocation) {
  client_.allocate();
  const std::string newer = "1700000200:dave";
  CoreClient same_user(core_, kHome, newer, auth::time_limited_password("north", newer));
  EXPECT_EQ(same_user.refresh(600).error(), 441);
}

TEST(Gate, GoesOnForLiveAllocationsWhileTheStoreIsDown) {
  CoreDriver core;
  CoreClient client(core, kHome);
  CoreClient newcomer(core, "8.8.8.8:40001");
  client.allocate();
  core.store_unavailable = true;
  core.publish_users();  // A change voids the cache.
  EXPECT_EQ(newcomer.allocate().error(), 500);
  EXPECT_TRUE(client.refresh(600).is(Class::success));
  EXPECT_TRUE(client.permit({"9.9.9.9:1"}).is(Class::success));
}

TEST(Gate, ComesBackSoonAfterTheStoreDoes) {
  CoreDriver core;
  core.store_unavailable = true;
  CoreClient client(core, kHome);
  EXPECT_EQ(client.allocate().error(), 500);
  core.store_unavailable = false;
  core.advance(seconds(2));
  EXPECT_TRUE(client.allocate().is(Class::success));
}

TEST(Gate, NoticesANewUserAtOnce) {
  CoreDriver core;
  CoreClient client(core, kHome, "carol", "new");
  EXPECT_EQ(client.allocate().error(), 401);
  core.add_user("carol", "new");
  EXPECT_TRUE(client.allocate().is(Class::success));
}

TEST(Gate, DoesNotCutNamesAtANul) {
  CoreDriver core;
  CoreClient client(core, kHome, std::string("alice\0", 6), "secret");
  EXPECT_EQ(client.allocate().error(), 401);
}

TEST(Gate, ChecksNothingWhenItIsOpen) {
  CoreDriver core;
  core.settings.auth = AuthMode::none;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  EXPECT_TRUE(client.allocate().is(Class::success));
  EXPECT_TRUE(client.permit({"9.9.9.9:1"}).is(Class::success));
  EXPECT_TRUE(client.refresh(0).is(Class::success));
}

// RFC 8489 section 14.5 holds for whoever does not check the integrity as well.
TEST(Gate, HidesWhatStandsBehindTheIntegrityEvenWhenItIsOpen) {
  CoreDriver core;
  core.settings.auth = AuthMode::none;
  core.use_settings(core.settings);
  CoreClient client(core, kHome);
  client.allocate();
  const auto answer = client.exchange(testing::make_request(Method::refresh, [](auto& b) {
    b.add_integrity_sha1(auth::Md5Key{});
    b.add_u32(stun::AttributeType::lifetime, 0);
  }));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->u32(stun::AttributeType::lifetime), 600U);
}

}  // namespace
}  // namespace turnpike::turn
