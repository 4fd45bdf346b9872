#include <gtest/gtest.h>

#include "auth/store/static_user_store.h"

namespace turnpike::auth {
namespace {

StaticUserStore store_with_alice() {
  StaticUserStore store("realm");
  store.add_password("alice", "secret");
  return store;
}

TEST(StaticUserStore, FindsAConfiguredUserWithBothKeys) {
  StaticUserStore store = store_with_alice();
  const auto user = store.find("realm", "alice");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->name, "alice");
  EXPECT_EQ(user->keys, UserKeys::from_password("alice", "realm", "secret"));
}

TEST(StaticUserStore, DistinguishesUpperAndLowerCase) {
  StaticUserStore store = store_with_alice();
  EXPECT_EQ(store.find("realm", "Alice").error(), LookupError::not_found);
}

TEST(StaticUserStore, KnowsNobodyInAnotherRealm) {
  StaticUserStore store = store_with_alice();
  EXPECT_EQ(store.find("other", "alice").error(), LookupError::not_found);
  EXPECT_EQ(store.find_by_userhash("other", stun::userhash("alice", "realm")).error(),
            LookupError::not_found);
}

TEST(StaticUserStore, FindsByUserhash) {
  StaticUserStore store = store_with_alice();
  const auto user = store.find_by_userhash("realm", stun::userhash("alice", "realm"));
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->name, "alice");
  EXPECT_FALSE(store.find_by_userhash("realm", stun::userhash("bob", "realm")).has_value());
}

TEST(StaticUserStore, TakesNamesInAnyScriptAsTheyAre) {
  StaticUserStore store("realm");
  store.add_password("Аня ☎", "пароль");
  const auto user = store.find("realm", "Аня ☎");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->keys, UserKeys::from_password("Аня ☎", "realm", "пароль"));
}

TEST(StaticUserStore, GivesAUserWithAKeyNoSha256) {
  StaticUserStore store("realm");
  store.add_key("bob", stun::long_term_key_md5("bob", "realm", "pw"));
  const auto user = store.find("realm", "bob");
  ASSERT_TRUE(user.has_value());
  EXPECT_EQ(user->keys.md5, stun::long_term_key_md5("bob", "realm", "pw"));
  EXPECT_FALSE(user->keys.has_sha256);
}

TEST(StaticUserStore, KeepsTheLastPasswordOfAUserNamedTwice) {
  StaticUserStore store = store_with_alice();
  store.add_password("alice", "newer");
  EXPECT_EQ(store.size(), 1U);
  EXPECT_EQ(store.find("realm", "alice")->keys, UserKeys::from_password("alice", "realm", "newer"));
}

TEST(StaticUserStore, StateOffersSha256OnlyWhenEveryUserHasIt) {
  StaticUserStore store = store_with_alice();
  EXPECT_TRUE(store.state("realm")->has_users);
  EXPECT_TRUE(store.state("realm")->all_users_have_sha256);
  store.add_key("bob", Md5Key{});
  EXPECT_FALSE(store.state("realm")->all_users_have_sha256);
}

TEST(StaticUserStore, HasNoUsersInAnotherRealm) {
  StaticUserStore store = store_with_alice();
  EXPECT_FALSE(store.state("other")->has_users);
  EXPECT_TRUE(store.state("other")->all_users_have_sha256);
}

TEST(StaticUserStore, NeverChanges) {
  EXPECT_FALSE(store_with_alice().changed());
}

}  // namespace
}  // namespace turnpike::auth
