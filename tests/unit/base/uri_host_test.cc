#include "base/uri_host.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(UriHost, TakesNames) {
  for (const char* name : {"turn.example.org", "localhost", "a-b.c", "xn--bcher-kva.example",
                           "turn.example.org.", "3com.com", "my_turn.internal"}) {
    const auto host = UriHost::parse(name);
    ASSERT_TRUE(host.has_value()) << name;
    EXPECT_EQ(host->text, name);
    EXPECT_FALSE(host->is_address) << name;
  }
}

TEST(UriHost, TakesAddresses) {
  const auto v4 = UriHost::parse("192.0.2.1");
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->text, "192.0.2.1");
  EXPECT_TRUE(v4->is_address);
  const auto v6 = UriHost::parse("2001:db8::1");
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->text, "[2001:db8::1]");
  EXPECT_TRUE(v6->is_address);
}

TEST(UriHost, RefusesEverythingElse) {
  for (const char* text : {"",
                           ".",
                           "a..b",
                           "-a",
                           "a-",
                           "a b",
                           "a/b",
                           "a:3478",
                           "turn:a",
                           "user@host",
                           "a?b",
                           "\"",
                           "[turn.example.org]",
                           "[",
                           "1.2.3",
                           "1.2.3.4.5",
                           "300.1.1.1",
                           "::g",
                           "fe80::1%eth0",
                           "b\xc3\xbc"}) {
    EXPECT_FALSE(UriHost::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(UriHost::parse(std::string(64, 'a')).has_value());
  EXPECT_FALSE(UriHost::parse(std::string(300, 'a')).has_value());
}

}  // namespace
}  // namespace turnpike
