#include "auth/key_cache.h"

#include <gtest/gtest.h>

namespace turnpike::auth {
namespace {

constexpr seconds kLifetime{100};
const Instant kStart = Instant(seconds(1000));

KeyCache::Answer record(const std::string& name) {
  return UserRecord{name, UserKeys::from_password(name, "realm", "pass")};
}

std::string name_of(size_t i) {
  return KeyCache::key_of("realm", "user" + std::to_string(i));
}

TEST(KeyCache, KnowsNobodyAtFirst) {
  KeyCache cache(4, kLifetime, {1, 2});
  EXPECT_EQ(cache.find(KeyCache::key_of("realm", "alice"), kStart), nullptr);
}

TEST(KeyCache, RemembersAUser) {
  KeyCache cache(4, kLifetime, {1, 2});
  cache.put(KeyCache::key_of("realm", "alice"), record("alice"), kStart);
  const KeyCache::Answer* found = cache.find(KeyCache::key_of("realm", "alice"), kStart);
  ASSERT_NE(found, nullptr);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->name, "alice");
}

TEST(KeyCache, RemembersThatAUserIsUnknown) {
  KeyCache cache(4, kLifetime, {1, 2});
  cache.put(KeyCache::key_of("realm", "eve"), unexpected(LookupError::not_found), kStart);
  const KeyCache::Answer* found = cache.find(KeyCache::key_of("realm", "eve"), kStart);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->error(), LookupError::not_found);
}

TEST(KeyCache, ForgetsWhenTheLifetimeIsOver) {
  KeyCache cache(4, kLifetime, {1, 2});
  cache.put(KeyCache::key_of("realm", "alice"), record("alice"), kStart);
  EXPECT_NE(cache.find(KeyCache::key_of("realm", "alice"), kStart + kLifetime - Duration(1)),
            nullptr);
  EXPECT_EQ(cache.find(KeyCache::key_of("realm", "alice"), kStart + kLifetime), nullptr);
}

TEST(KeyCache, DoesNotLiveLongerByBeingAskedFor) {
  KeyCache cache(2, kLifetime, {1, 2});
  cache.put(name_of(0), record("user0"), kStart);
  for (size_t i = 1; i < 4; ++i) cache.put(name_of(i), record("u"), kStart);
  EXPECT_NE(cache.find(name_of(0), kStart + kLifetime / 2), nullptr);
  EXPECT_EQ(cache.find(name_of(0), kStart + kLifetime), nullptr);
}

// A store that can't answer is asked again soon, or one locked moment would last for minutes.
TEST(KeyCache, ForgetsThatTheStoreWasUnavailableWithinSeconds) {
  KeyCache cache(4, kLifetime, {1, 2});
  cache.put(KeyCache::key_of("realm", "alice"), unexpected(LookupError::unavailable), kStart);
  EXPECT_NE(cache.find(KeyCache::key_of("realm", "alice"), kStart), nullptr);
  EXPECT_EQ(cache.find(KeyCache::key_of("realm", "alice"), kStart + seconds(2)), nullptr);
}

TEST(KeyCache, ReplacesAnAnswer) {
  KeyCache cache(4, kLifetime, {1, 2});
  cache.put(KeyCache::key_of("realm", "alice"), unexpected(LookupError::not_found), kStart);
  cache.put(KeyCache::key_of("realm", "alice"), record("alice"), kStart);
  const KeyCache::Answer* found = cache.find(KeyCache::key_of("realm", "alice"), kStart);
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->has_value());
  EXPECT_EQ(cache.size(), 1U);
}

TEST(KeyCache, ReplacesAnAnswerThatMovedToTheOldHalf) {
  KeyCache cache(2, kLifetime, {1, 2});
  cache.put(name_of(0), unexpected(LookupError::not_found), kStart);
  cache.put(name_of(1), record("user1"), kStart);
  cache.put(name_of(2), record("user2"), kStart);
  cache.put(name_of(0), record("user0"), kStart);
  const KeyCache::Answer* found = cache.find(name_of(0), kStart);
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->has_value());
}

TEST(KeyCache, NeverHoldsMoreThanTwiceItsGeneration) {
  KeyCache cache(8, kLifetime, {1, 2});
  for (size_t i = 0; i < 1000; ++i) {
    cache.put(name_of(i), unexpected(LookupError::not_found), kStart);
    EXPECT_LE(cache.size(), 16U);
  }
}

TEST(KeyCache, KeepsWhoIsAskedForWhileStrangersPassBy) {
  KeyCache cache(8, kLifetime, {1, 2});
  cache.put(KeyCache::key_of("realm", "alice"), record("alice"), kStart);
  for (size_t i = 0; i < 1000; ++i) {
    cache.put(name_of(i), unexpected(LookupError::not_found), kStart);
    ASSERT_NE(cache.find(KeyCache::key_of("realm", "alice"), kStart), nullptr) << i;
  }
}

TEST(KeyCache, IsEmptyAfterClear) {
  KeyCache cache(2, kLifetime, {1, 2});
  for (size_t i = 0; i < 4; ++i) cache.put(name_of(i), record("u"), kStart);
  cache.clear();
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.find(name_of(3), kStart), nullptr);
}

TEST(KeyCache, TellsANameFromTheHashOfOne) {
  const stun::Sha256Mac hash = stun::userhash("alice", "realm");
  const std::string as_name(hash.begin(), hash.end());
  EXPECT_NE(KeyCache::key_of("realm", hash), KeyCache::key_of("realm", as_name));
}

}  // namespace
}  // namespace turnpike::auth
