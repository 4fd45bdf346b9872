#include "auth/access_token.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "support/tokens.h"

namespace turnpike::auth {
namespace {

using testing::Bytes;
using testing::kNorthKey;
using testing::kUnionKey;
using testing::seal_token;
using testing::token_plain_text;

constexpr std::string_view kServer = "blackdow.carleon.gov";
constexpr std::string_view kMacKey = "ZksjpweoixXmvn67534m";

AccessTokenKey north() {
  return *AccessTokenKey::make(kNorthKey, "A256GCM", 0, 0, "");
}
WallTime at(int64_t unix_s) {
  return WallTime(seconds(unix_s));
}

// What `turnutils_oauth -e` of Debian 12 made of nonce "h4j3k2l2n4b5", this MAC key, timestamp
// 1700000000 and lifetime 3600.
TEST(AccessToken, OpensThoseOfTurnutilsOauth) {
  struct Sample {
    std::string_view key, algorithm, token;
  };
  const Sample samples[] = {
      {kNorthKey, "A256GCM",
       "AAxoNGozazJsMm40YjUJ0JmCjBuJ3X8q0Gc7nfXSUNwpYHEKe0Phhsp5Yf0RYtcYvKvDxP+5/"
       "ZammuqoGIPoVg=="},
      {kUnionKey, "A128GCM",
       "AAxoNGozazJsMm40YjVAKHNMIICwiKzwvZprHBExQyfwnV0rDwOKWFO0ELeo+Zg/1WQyr+IvtpedpaSWy+lzZQ=="},
  };
  for (const Sample& sample : samples) {
    const auto key = AccessTokenKey::make(sample.key, sample.algorithm, 0, 0, "");
    ASSERT_TRUE(key);
    const auto sealed = base64_decode(sample.token);
    ASSERT_TRUE(sealed);
    const auto token = open_access_token(*key, kServer, *sealed);
    ASSERT_TRUE(token) << sample.algorithm;
    EXPECT_EQ(as_text(token->mac_key()), kMacKey);
    EXPECT_EQ(token->issued_unix_s(), 1'700'000'000);
    EXPECT_EQ(token->lifetime_s(), 3600U);
    EXPECT_EQ(*sealed, seal_token(key->bytes(), kServer, token_plain_text({})));
  }
}

TEST(AccessToken, IsForOneServerAndOneKey) {
  const Bytes sealed = seal_token(north().bytes(), kServer, token_plain_text({}));
  EXPECT_TRUE(open_access_token(north(), kServer, sealed));
  EXPECT_FALSE(open_access_token(north(), "another.example", sealed));
  EXPECT_FALSE(open_access_token(north(), "", sealed));
  const auto other = AccessTokenKey::make(kUnionKey, "A128GCM", 0, 0, "");
  EXPECT_FALSE(open_access_token(*other, kServer, sealed));
}

TEST(AccessToken, IsNothingWhenOneBitIsWrong) {
  const Bytes sealed = seal_token(north().bytes(), kServer, token_plain_text({}));
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    Bytes broken = sealed;
    broken[i / 8] = static_cast<uint8_t>(broken[i / 8] ^ (1U << (i % 8)));
    EXPECT_FALSE(open_access_token(north(), kServer, broken)) << i;
  }
}

TEST(AccessToken, IsNothingWhenItIsCutOrLonger) {
  Bytes sealed = seal_token(north().bytes(), kServer, token_plain_text({}));
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(open_access_token(north(), kServer, ByteView(sealed).first(size))) << size;
  }
  sealed.push_back(0);
  EXPECT_FALSE(open_access_token(north(), kServer, sealed));
  EXPECT_FALSE(open_access_token(north(), kServer, Bytes(kMaxAccessTokenSize + 1)));
}

// CVE-2026-43994 was a length that was believed.
TEST(AccessToken, BelievesNoLengths) {
  Bytes sealed = seal_token(north().bytes(), kServer, token_plain_text({}));
  for (const uint32_t length : {0U, 11U, 13U, 255U, 4095U, 65535U}) {
    sealed[0] = static_cast<uint8_t>(length >> 8);
    sealed[1] = static_cast<uint8_t>(length);
    EXPECT_FALSE(open_access_token(north(), kServer, sealed)) << length;
  }
  for (const std::string_view nonce : {"", "short", "a nonce that is too long for GCM"}) {
    EXPECT_FALSE(open_access_token(
        north(), kServer, seal_token(north().bytes(), kServer, token_plain_text({}), nonce)));
  }
}

// Whoever has the key may still be wrong.
TEST(AccessToken, IsNothingWhenWhatIsSealedIsMalformed) {
  const auto opens = [](const Bytes& plain) {
    return open_access_token(north(), kServer, seal_token(north().bytes(), kServer, plain))
        .has_value();
  };
  const std::string long_key(kMaxMacKeySize, 'k');
  EXPECT_TRUE(opens(token_plain_text({.mac_key = long_key})));
  EXPECT_FALSE(opens(token_plain_text({.mac_key = long_key + "k"})));
  EXPECT_TRUE(opens(token_plain_text({.mac_key = std::string_view(long_key).substr(0, 20)})));
  EXPECT_FALSE(opens(token_plain_text({.mac_key = std::string_view(long_key).substr(0, 19)})));
  EXPECT_FALSE(opens(token_plain_text({.mac_key = ""})));
  Bytes longer = token_plain_text({});
  longer.push_back(0);
  EXPECT_FALSE(opens(longer));
  Bytes lying = token_plain_text({});
  lying[0] = 0xFF;
  EXPECT_FALSE(opens(lying));
  EXPECT_FALSE(opens({}));
}

TEST(AccessToken, IsGoodInItsLifetime) {
  const AccessToken token(as_bytes(kMacKey), 1000, 60);
  EXPECT_FALSE(token.is_good_at(at(994)));
  EXPECT_TRUE(token.is_good_at(at(995)));
  EXPECT_EQ(token.left(at(1000)), seconds(65));
  EXPECT_TRUE(token.is_good_at(at(1064)));
  EXPECT_FALSE(token.is_good_at(at(1065)));
  EXPECT_FALSE(token.is_good_at(at(2'000'000'000)));
  // As far as the fields go.
  const AccessToken last(as_bytes(kMacKey), (int64_t{1} << 48) - 1, UINT32_MAX);
  EXPECT_FALSE(last.is_good_at(at(1'700'000'000)));
  EXPECT_EQ(AccessToken(as_bytes(kMacKey), 1000, UINT32_MAX).left(at(1000)),
            seconds(UINT32_MAX) + seconds(5));
}

TEST(AccessTokenKey, IsOfBase64AndLongEnough) {
  EXPECT_EQ(as_text(north().bytes()), "01234567890123456789012345678901");
  EXPECT_EQ(as_text(AccessTokenKey::make(kUnionKey, "A128GCM", 0, 0, "")->bytes()),
            "1234567890123456");
  EXPECT_FALSE(AccessTokenKey::make(kUnionKey, "A256GCM", 0, 0, ""));
  EXPECT_FALSE(AccessTokenKey::make("", "A128GCM", 0, 0, ""));
  EXPECT_FALSE(AccessTokenKey::make("not base64!!", "A128GCM", 0, 0, ""));
  EXPECT_FALSE(AccessTokenKey::make(kNorthKey, "", 0, 0, ""));
  EXPECT_FALSE(AccessTokenKey::make(kNorthKey, "A512GCM", 0, 0, ""));
  EXPECT_FALSE(AccessTokenKey::make(kNorthKey, "A256GCM", -1, 0, ""));
  EXPECT_FALSE(AccessTokenKey::make(kNorthKey, "A256GCM", 0, -1, ""));
}

TEST(AccessTokenKey, IsGoodForItsLifetimeAndItsRealm) {
  EXPECT_TRUE(north().is_good_at(at(1'700'000'000)));
  const auto short_lived = AccessTokenKey::make(kNorthKey, "A256GCM", 1000, 60, "north.gov");
  EXPECT_TRUE(short_lived->is_good_at(at(1059)));
  EXPECT_FALSE(short_lived->is_good_at(at(1060)));
  EXPECT_TRUE(short_lived->is_for("north.gov"));
  EXPECT_FALSE(short_lived->is_for("south.gov"));
  EXPECT_TRUE(north().is_for("any"));
}

}  // namespace
}  // namespace turnpike::auth
