#include "auth/time_limited.h"

#include <gtest/gtest.h>

namespace turnpike::auth {
namespace {

struct Case {
  std::string_view name;
  std::optional<int64_t> expires;
  std::string_view user;
};

TEST(TimeLimitedName, IsReadInEitherOrder) {
  const Case cases[] = {
      {"1700000000:alice", 1700000000, "alice"},
      {"alice:1700000000", 1700000000, "alice"},
      {"1700000000", 1700000000, ""},
      {"1700000000:", 1700000000, ""},
      {"1700000000:a:b", 1700000000, "a:b"},
      {"a:b:1700000000", 1700000000, "a:b"},
      {"1:2", 1, "2"},
      {"0:alice", 0, "alice"},
      {"alice", {}, ""},
      {"", {}, ""},
      {":", {}, ""},
      {":alice", {}, ""},
      {"alice:", {}, ""},
      {"-1:alice", {}, ""},
      {"+1:alice", {}, ""},
      {" 1:alice", {}, ""},
      {"1 :alice", {}, ""},
      {"0x10:alice", {}, ""},
      {"1700000000x:alice", {}, ""},
      {"99999999999999999999:alice", {}, ""},
      {"alice:99999999999999999999", {}, ""},
      {std::string_view("1700000000\0:alice", 17), {}, ""},
  };
  for (const Case& c : cases) {
    const auto parsed = parse_time_limited(c.name, ':');
    ASSERT_EQ(parsed.has_value(), c.expires.has_value()) << c.name;
    if (!parsed) continue;
    EXPECT_EQ(parsed->expires_unix_s, *c.expires) << c.name;
    EXPECT_EQ(parsed->user, c.user) << c.name;
  }
}

TEST(TimeLimitedName, IsReadWithTheSeparatorThatIsSet) {
  EXPECT_TRUE(parse_time_limited("1700000000|alice", '|').has_value());
  EXPECT_FALSE(parse_time_limited("1700000000:alice", '|').has_value());
}

// Computed with: printf 1433895918:turnpike | openssl dgst -sha1 -hmac north -binary | base64
TEST(TimeLimitedPassword, IsTheHmacOfTheNameInBase64) {
  EXPECT_EQ(time_limited_password("north", "1433895918:turnpike"), "MD3Wjz+A1K0TftZ3XyezadvhWrw=");
}

TEST(TimeLimitedPassword, DependsOnTheSecret) {
  EXPECT_NE(time_limited_password("north", "1:a"), time_limited_password("south", "1:a"));
}

}  // namespace
}  // namespace turnpike::auth
