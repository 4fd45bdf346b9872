#include "http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace turnpike::http {
namespace {

using State = Parser::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Parser parsed(std::string_view text) {
  Parser parser;
  EXPECT_EQ(parser.push(as_bytes(text)), State::complete) << text;
  return parser;
}

int refused(std::string_view text) {
  Parser parser;
  EXPECT_EQ(parser.push(as_bytes(text)), State::failed) << text.substr(0, 80);
  return parser.error_status();
}

std::string head(std::string_view line) {
  return std::string(line) + "\r\nHost: a\r\n\r\n";
}

TEST(Parser, ReadsARequestWithABody) {
  const Parser parser = parsed(
      "PUT /v1/users/a%2Fb%20c?realm=x%26y&kill=true HTTP/1.1\r\nHost: localhost\r\n"
      "AUTHORIZATION:Bearer secret\r\ncontent-type: application/json; charset=utf-8\r\n"
      "Content-Length: 4\r\n\r\nbody");
  const Request& request = parser.request();
  EXPECT_EQ(request.method, Method::put);
  EXPECT_THAT(request.segments, ElementsAre("v1", "users", "a/b c"));
  EXPECT_EQ(request.parameter("realm"), "x&y");
  EXPECT_EQ(request.parameter("kill"), "true");
  EXPECT_EQ(request.parameter("other"), std::nullopt);
  EXPECT_EQ(request.header("authorization"), "Bearer secret");
  EXPECT_EQ(request.bearer(), "secret");
  EXPECT_TRUE(request.is_json());
  EXPECT_EQ(request.body, "body");
}

TEST(Parser, DoesNotCareHowTheBytesArrive) {
  const std::string text =
      "POST /v1/drain HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: "
      "2\r\n\r\n{}";
  Parser parser;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    ASSERT_EQ(parser.push(as_bytes(std::string_view(text).substr(i, 1))), State::wants_more) << i;
  }
  EXPECT_EQ(parser.push(as_bytes(std::string_view(text).substr(text.size() - 1))), State::complete);
  EXPECT_EQ(parser.request().body, "{}");
}

TEST(Parser, RefusesBrokenRequestLines) {
  for (const char* line : {"", "GET", "GET /", " GET / HTTP/1.1", "GET / HTTP/1.1 ",
                           "GET  / HTTP/1.1", "GET x HTTP/1.1", "GET * HTTP/1.1",
                           "GET http://a/ HTTP/1.1", "GET / HTTPS/1.1", "GET /\t HTTP/1.1\x01"}) {
    const int status = refused(head(line));
    EXPECT_TRUE(status == 400 || status == 505) << line;
  }
  EXPECT_EQ(refused(head("GET / HTTP/2.0")), 505);
}

TEST(Parser, RefusesPathsThatLeadElsewhere) {
  for (const char* path : {"//", "/a//b", "/a/", "/..", "/a/../b", "/./a", "/%2e%2e/a", "/%00",
                           "/%", "/%4", "/%zz", "/a%0"}) {
    EXPECT_EQ(refused(head(std::string("GET ") + path + " HTTP/1.1")), 400) << path;
  }
  EXPECT_TRUE(parsed(head("GET / HTTP/1.1")).request().segments.empty());
}

TEST(Parser, RefusesBrokenHeaders) {
  for (const char* header :
       {"no colon", ": x", "a : b", " folded", "\tfolded", "Content-Length: ", "Content-Length: x",
        "Content-Length: -1", "Content-Length: 1 2", "Content-Length: 1\r\nContent-Length: 1"}) {
    EXPECT_EQ(refused(head(std::string("GET / HTTP/1.1\r\n") + header)), 400) << header;
  }
  EXPECT_EQ(refused(std::string("GET / HTTP/1.1\r\na: \0b\r\n\r\n", 24)), 400);
  EXPECT_EQ(refused(head("GET / HTTP/1.1\r\nTransfer-Encoding: chunked")), 501);
}

TEST(Parser, TakesSizesUpToTheirLimitsAndNoMore) {
  const auto with_body = [](size_t length) {
    return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  };
  EXPECT_EQ(parsed(with_body(kMaxBody) + std::string(kMaxBody, 'x')).request().body.size(),
            kMaxBody);
  EXPECT_EQ(refused(with_body(kMaxBody + 1)), 413);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (size_t i = 1; i < kMaxHeaders; ++i) many += "a: b\r\n";
  EXPECT_EQ(Parser().push(as_bytes(many + "\r\n")), State::complete);
  EXPECT_EQ(refused(many + "a: b\r\n\r\n"), 431);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\na: " + std::string(kMaxHead, 'x')), 431);
  EXPECT_EQ(refused(head("GET /" + std::string(4096, 'x') + " HTTP/1.1")), 414);
}

TEST(Parser, KeepsNoMoreThanARequestCanBe) {
  Parser parser;
  size_t pushed = 0;
  const std::string piece(100, 'x');
  while (parser.push(as_bytes(piece)) == State::wants_more) pushed += piece.size();
  EXPECT_LE(pushed, kMaxHead);
  EXPECT_EQ(parser.error_status(), 431);
}

TEST(Parser, WantsOneHost) {
  EXPECT_EQ(refused("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), 400);
  EXPECT_EQ(refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  for (const char* host : {"a b", "a/b", "a@b", "http://a", "a?", "\xc3\xa4"}) {
    EXPECT_EQ(refused(std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n"), 400) << host;
  }
  for (const char* host : {"", "a", "a.example:9641", "[::1]:80", "192.0.2.1"}) {
    parsed(std::string("GET / HTTP/1.1\r\nHost:") + host + "\r\n\r\n");
  }
  parsed("GET / HTTP/1.0\r\n\r\n");
}

TEST(Parser, RefusesLinesThatEndInLfAlone) {
  EXPECT_EQ(refused("GET / HTTP/1.0\n"), 400);
  EXPECT_EQ(refused("GET / HTTP/1.0\r\na: b\n"), 400);
  EXPECT_EQ(refused("GET / HTTP/1.0\r\na: b\rc\r\n"), 400);
}

TEST(Parser, RefusesAtTheFirstLineThatIsWrong) {
  EXPECT_EQ(refused("\r\n"), 400);
  EXPECT_EQ(refused("G(T / HTTP/1.1\r\n"), 400);
  EXPECT_EQ(refused(std::string("GET /\0 HTTP/1.1\r\n", 17)), 400);
  EXPECT_EQ(refused("GET /\xc3\xa4 HTTP/1.1\r\n"), 400);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\na(b: c\r\n"), 400);
  EXPECT_EQ(refused("GET / HTTP/3.1\r\n"), 505);
}

TEST(Parser, TakesHeadForGetWithoutABody) {
  const Parser head_parser = parsed("HEAD /x HTTP/1.0\r\n\r\n");
  EXPECT_EQ(head_parser.request().method, Method::get);
  EXPECT_EQ(head_parser.request().answer_body, Body::left_out);
  EXPECT_EQ(parsed(head("OPTIONS /x HTTP/1.1")).request().method, Method::options);
  EXPECT_EQ(parsed(head("get /x HTTP/1.1")).request().method, Method::other);
}

TEST(Request, HasTheTokenOfTheBearerSchemeOnly) {
  const auto token = [](const char* value) {
    const Parser parser =
        parsed(std::string("GET / HTTP/1.0\r\nAuthorization: ") + value + "\r\n\r\n");
    return std::string(parser.request().bearer());
  };
  EXPECT_EQ(token("Bearer abc"), "abc");
  EXPECT_EQ(token("bEARER  abc"), "abc");
  EXPECT_EQ(token("Basic abc"), "");
  EXPECT_EQ(token("Bearer"), "");
  EXPECT_EQ(token("Bearerabc"), "");
}

TEST(Parser, DoesNotLookBehindTheRequest) {
  EXPECT_EQ(parsed("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nabcdef").request().body,
            "a");
}

TEST(Response, TellsItsSizeAndCloses) {
  const std::string text = to_bytes(
      {.status = 405, .body = "{}", .headers = {{"Allow", "GET"}, {"Vary", "Origin"}}}, Body::sent);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 2\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nAllow: GET\r\nVary: Origin\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n{}"));
}

TEST(Response, LeavesTheBodyOutButTellsItsSize) {
  const std::string text = to_bytes({.body = "{}"}, Body::left_out);
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 2\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(Response, NoContentHasNoLength) {
  EXPECT_THAT(to_bytes({.status = 204, .body = {}}, Body::sent),
              testing::Not(HasSubstr("Content-Length")));
}

}  // namespace
}  // namespace turnpike::http
