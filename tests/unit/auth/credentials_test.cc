#include "auth/credentials.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace turnpike::auth {
namespace {

TEST(UserKeys, HoldsBothKeysOfAPassword) {
  const UserKeys keys = UserKeys::from_password("user", "realm", "pass");
  EXPECT_EQ(keys.md5, stun::long_term_key_md5("user", "realm", "pass"));
  EXPECT_EQ(keys.sha256, stun::long_term_key_sha256("user", "realm", "pass"));
  EXPECT_TRUE(keys.has_sha256);
}

// RFC 5389 section 15.4 gives the digest of this one.
TEST(UserKeys, Md5KeyIsTheOneThatTheRfcPrints) {
  const UserKeys keys = UserKeys::from_password("user", "realm", "pass");
  EXPECT_EQ(to_hex(keys.md5), "8493fbc53ba582fb4c044c456bdc40eb");
}

TEST(UserKeys, OfAnAlgorithmThatThisUserHasNotIsEmpty) {
  UserKeys keys = UserKeys::from_password("user", "realm", "pass");
  keys.has_sha256 = false;
  EXPECT_TRUE(keys.of(stun::PasswordAlgorithm::sha256).empty());
  EXPECT_EQ(keys.of(stun::PasswordAlgorithm::md5).size(), 16U);
}

TEST(UserKeys, DifferWhenOneKeyDiffers) {
  const UserKeys keys = UserKeys::from_password("user", "realm", "pass");
  UserKeys other = keys;
  EXPECT_EQ(keys, other);
  other.sha256[31] ^= 1;
  EXPECT_FALSE(keys == other);
  other = keys;
  other.has_sha256 = false;
  EXPECT_FALSE(keys == other);
}

}  // namespace
}  // namespace turnpike::auth
