#include "admin/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace turnpike::admin {
namespace {

using State = HttpParser::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

HttpParser parsed(std::string_view text) {
  HttpParser parser;
  EXPECT_EQ(parser.push(as_bytes(text)), State::complete) << text;
  return parser;
}

int refused(std::string_view text) {
  HttpParser parser;
  EXPECT_EQ(parser.push(as_bytes(text)), State::failed) << text.substr(0, 80);
  return parser.error_status();
}

std::string head(std::string_view line) {
  return std::string(line) + "\r\n\r\n";
}

TEST(HttpParser, ReadsARequestWithABody) {
  const HttpParser parser = parsed(
      "PUT /v1/users/a%2Fb%20c?realm=x%26y&kill=true HTTP/1.1\r\nHost: localhost\r\n"
      "AUTHORIZATION:Bearer secret\r\ncontent-type: application/json; charset=utf-8\r\n"
      "Content-Length: 4\r\n\r\nbody");
  const HttpRequest& request = parser.request();
  EXPECT_EQ(request.method, Method::put);
  EXPECT_THAT(request.segments, ElementsAre("v1", "users", "a/b c"));
  EXPECT_EQ(request.parameter("realm"), "x&y");
  EXPECT_EQ(request.parameter("kill"), "true");
  EXPECT_EQ(request.parameter("other"), std::nullopt);
  EXPECT_EQ(request.authorization, "Bearer secret");
  EXPECT_TRUE(request.json);
  EXPECT_EQ(request.body, "body");
}

TEST(HttpParser, DoesNotCareHowTheBytesArrive) {
  const std::string text =
      "POST /v1/drain HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
  HttpParser parser;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    ASSERT_EQ(parser.push(as_bytes(std::string_view(text).substr(i, 1))), State::wants_more) << i;
  }
  EXPECT_EQ(parser.push(as_bytes(std::string_view(text).substr(text.size() - 1))), State::complete);
  EXPECT_EQ(parser.request().body, "{}");
}

TEST(HttpParser, RefusesBrokenRequestLines) {
  for (const char* line : {"", "GET", "GET /", " GET / HTTP/1.1", "GET / HTTP/1.1 ",
                           "GET  / HTTP/1.1", "GET x HTTP/1.1", "GET * HTTP/1.1",
                           "GET http://a/ HTTP/1.1", "GET / HTTPS/1.1", "GET /\t HTTP/1.1\x01"}) {
    const int status = refused(head(line));
    EXPECT_TRUE(status == 400 || status == 505) << line;
  }
  EXPECT_EQ(refused(head("GET / HTTP/2.0")), 505);
}

TEST(HttpParser, RefusesPathsThatLeadElsewhere) {
  for (const char* path : {"//", "/a//b", "/a/", "/..", "/a/../b", "/./a", "/%2e%2e/a", "/%00",
                           "/%", "/%4", "/%zz", "/a%0"}) {
    EXPECT_EQ(refused(head(std::string("GET ") + path + " HTTP/1.1")), 400) << path;
  }
  EXPECT_TRUE(parsed(head("GET / HTTP/1.1")).request().segments.empty());
}

TEST(HttpParser, RefusesBrokenHeaders) {
  for (const char* header :
       {"no colon", ": x", "a : b", " folded", "\tfolded", "Content-Length: ", "Content-Length: x",
        "Content-Length: -1", "Content-Length: 1 2", "Content-Length: 1\r\nContent-Length: 1"}) {
    EXPECT_EQ(refused(head(std::string("GET / HTTP/1.1\r\n") + header)), 400) << header;
  }
  EXPECT_EQ(refused(std::string("GET / HTTP/1.1\r\na: \0b\r\n\r\n", 26)), 400);
  EXPECT_EQ(refused(head("GET / HTTP/1.1\r\nTransfer-Encoding: chunked")), 501);
}

TEST(HttpParser, TakesSizesUpToTheirLimitsAndNoMore) {
  const auto with_body = [](size_t length) {
    return "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  };
  EXPECT_EQ(parsed(with_body(kMaxBody) + std::string(kMaxBody, 'x')).request().body.size(),
            kMaxBody);
  EXPECT_EQ(refused(with_body(kMaxBody + 1)), 413);
  std::string many = "GET / HTTP/1.1\r\n";
  for (size_t i = 0; i < kMaxHeaders; ++i) many += "a: b\r\n";
  EXPECT_EQ(HttpParser().push(as_bytes(many + "\r\n")), State::complete);
  EXPECT_EQ(refused(many + "a: b\r\n\r\n"), 431);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\na: " + std::string(kMaxHead, 'x')), 431);
  EXPECT_EQ(refused(head("GET /" + std::string(4096, 'x') + " HTTP/1.1")), 414);
}

TEST(HttpParser, KeepsNoMoreThanARequestCanBe) {
  HttpParser parser;
  EXPECT_EQ(parser.push(as_bytes(std::string(kMaxHead + kMaxBody + 1, 'x'))), State::failed);
}

TEST(HttpParser, DoesNotLookBehindTheRequest) {
  EXPECT_EQ(parsed("GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\nabcdef").request().body, "a");
}

TEST(HttpResponse, TellsItsSizeAndCloses) {
  const std::string text = to_bytes({.status = 405, .body = "{}", .allow = "GET"});
  EXPECT_THAT(text, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 2\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nAllow: GET\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n{}"));
}

}  // namespace
}  // namespace turnpike::admin
