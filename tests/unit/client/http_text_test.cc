#include "client/http_text.h"

#include <gtest/gtest.h>

namespace turnpike::client {
namespace {

TEST(HttpText, ReadsTheBodyOfASuccess) {
  EXPECT_EQ(http_body("HTTP/1.1 200 OK\r\nA: b\r\n\r\n 203.0.113.1\n"), "203.0.113.1");
  EXPECT_EQ(http_body("HTTP/1.0 200 \r\ncontent-LENGTH: 3\r\n\r\nabcdef"), "abc");
}

TEST(HttpText, TakesNothingFromAFailureOrAnAnswerThatIsCutOff) {
  for (const char* text :
       {"", "HTTP/1.1 404 Not Found\r\n\r\n203.0.113.1", "HTTP/1.1 200 OK\r\nA: b\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n203.0.113.1", "203.0.113.1"}) {
    EXPECT_FALSE(http_body(text)) << text;
  }
}

TEST(HttpText, ReadsUrls) {
  const auto url = HttpUrl::parse("http://example.org:8080/a?b");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "example.org");
  EXPECT_EQ(url->port, 8080);
  EXPECT_EQ(url->path, "/a?b");
  EXPECT_EQ(HttpUrl::parse("http://example.org")->path, "/");
  for (const char* text : {"https://example.org/", "http://", "http://a:0/", "http://a:x/",
                           "http://a/ b", "http://a/\r\nX: y", "http://u@a/", "ftp://a/"}) {
    EXPECT_FALSE(HttpUrl::parse(text)) << text;
  }
}

TEST(HttpText, AsksWithoutLeavingTheConnectionOpen) {
  const std::string text = http_request("GET", *HttpUrl::parse("http://a/b"), "X: y\r\n");
  EXPECT_TRUE(text.starts_with("GET /b HTTP/1.0\r\nHost: a\r\n"));
  EXPECT_TRUE(text.ends_with("Connection: close\r\nX: y\r\n\r\n"));
}

TEST(HttpText, TakesPublicAddressesOnly) {
  EXPECT_TRUE(public_v4("8.8.8.8"));
  EXPECT_TRUE(public_v4("172.15.255.255"));
  for (const char* text :
       {"10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1", "169.254.1.1",
        "0.1.2.3", "224.0.0.1", "255.255.255.255", "2001:db8::1", "example.org", "", "1.2.3.4 "}) {
    EXPECT_FALSE(public_v4(text)) << text;
  }
}

}  // namespace
}  // namespace turnpike::client
