#include "metrics/http_head.h"

#include <string>

#include <gtest/gtest.h>

namespace turnpike::metrics {
namespace {

TEST(HttpHead, ReadsMethodAndPath) {
  const HttpHead head =
      parse_http_head("GET /metrics?a=b HTTP/1.1\r\nHost: x:9641\r\nAccept: */*\r\n\r\n");
  EXPECT_EQ(head.state, HeadState::complete);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.path, "/metrics");
}

TEST(HttpHead, TakesLinesThatEndInLfAlone) {
  EXPECT_EQ(parse_http_head("GET / HTTP/1.0\n\n").state, HeadState::complete);
}

TEST(HttpHead, WaitsForTheEmptyLine) {
  const std::string text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(parse_http_head(text.substr(0, size)).state, HeadState::incomplete) << size;
  }
  EXPECT_EQ(parse_http_head(text).state, HeadState::complete);
}

TEST(HttpHead, CallsEverythingElseMalformed) {
  for (const std::string& text : {
           std::string("\r\n"),
           std::string("GET\r\n"),
           std::string("GET /\r\n"),
           std::string("GET  / HTTP/1.1\r\n"),
           std::string("GET / HTTP/1.1 \r\n"),
           std::string("GET / HTTP/2.0\r\n"),
           std::string("GET / http/1.1\r\n"),
           std::string("GET http://x/ HTTP/1.1\r\n"),
           std::string("GET * HTTP/1.1\r\n"),
           std::string("G(T / HTTP/1.1\r\n"),
           std::string("GET /\x01 HTTP/1.1\r\n"),
           std::string("GET /\xc3\xa4 HTTP/1.1\r\n"),
           std::string("GET /\0 HTTP/1.1\r\n", 17),
           std::string("GET / HTTP/1.1\r\nno colon\r\n"),
           std::string("GET / HTTP/1.1\r\n: no name\r\n"),
           std::string("GET / HTTP/1.1\r\na b: c\r\n"),
           std::string("GET / HTTP/1.1\r\n folded: c\r\n"),
           std::string("GET / HTTP/1.1\r\nx: a\rb\r\n"),
           std::string("GET / HTTP/1.1\r\nx: a\0b\r\n", 24),
           std::string("\x16\x03\x01\x02\x00\x01\n", 7),
       }) {
    EXPECT_EQ(parse_http_head(text).state, HeadState::malformed) << text;
  }
}

TEST(HttpHead, IsTooLongBeyondItsCap) {
  const std::string begin = "GET / HTTP/1.1\r\nx: ";
  const std::string filler(kHeadMax, 'a');
  EXPECT_EQ(parse_http_head((begin + filler).substr(0, kHeadMax)).state, HeadState::incomplete);
  EXPECT_EQ(parse_http_head(begin + filler).state, HeadState::too_long);
  EXPECT_EQ(parse_http_head(begin + filler + "\r\n\r\n").state, HeadState::too_long);
}

}  // namespace
}  // namespace turnpike::metrics
