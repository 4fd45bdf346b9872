#include "webrtc/rest_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/time_limited.h"

namespace turnpike::webrtc {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kKey = "a-key-of-some-length";
constexpr std::string_view kOtherKey = "another-key-of-length";
constexpr std::string_view kSecret = "north-north-north";
constexpr int64_t kNow_s = 1'800'000'000;

class RestApiTest : public testing::Test {
 protected:
  RestApiTest() {
    settings_.keys = {std::string(kKey), std::string(kOtherKey)};
    settings_.origins = {"https://app.example"};
    settings_.ttl_s = 600;
    settings_.secret = kSecret;
    settings_.server = {.host = {"turn.example", false},
                        .port = 3478,
                        .udp = true,
                        .tcp = true,
                        .tls_port = 5349,
                        .username = {},
                        .credential = {}};
  }

  http::Response ask_from(const Ip& source, std::string_view method, const std::string& target,
                          const std::string& headers = "") {
    if (!api_) api_.emplace(std::make_shared<const RestSettings>(settings_), HashKey{1, 2}, now_);
    http::Parser parser;
    const std::string text =
        std::string(method) + " " + target + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
    EXPECT_EQ(parser.push(as_bytes(text)), http::Parser::State::complete) << text;
    return api_->handle(parser.request(), source, now_, WallTime(seconds(kNow_s)));
  }
  http::Response ask(std::string_view method, const std::string& target,
                     const std::string& headers = "") {
    return ask_from(Ip::v4(0xc0000201), method, target, headers);
  }
  // With the key, and what the service wants.
  http::Response get(const std::string& query = "", const std::string& headers = "") {
    return ask("GET", "/turn?service=turn" + query,
               "Authorization: Bearer " + std::string(kKey) + "\r\n" + headers);
  }
  static std::string header(const http::Response& response, std::string_view name) {
    for (const http::Header& one : response.headers) {
      if (one.name == name) return one.value;
    }
    return {};
  }
  [[nodiscard]] uint64_t count(RestResult result) const { return api_->counters().get(result); }

  RestSettings settings_;
  Instant now_{seconds(1000)};
  std::optional<RestApi> api_;
};

TEST_F(RestApiTest, GivesWhatTheDraftSays) {
  const http::Response response = get("&username=ann");
  EXPECT_EQ(response.status, 200);
  const std::string password = auth::time_limited_password(kSecret, "1800000600:ann");
  EXPECT_EQ(response.body,
            "{\"username\": \"1800000600:ann\",\n \"password\": \"" + password +
                "\",\n \"ttl\": 600,\n \"uris\": [\"turn:turn.example:3478?transport=udp\", "
                "\"turn:turn.example:3478?transport=tcp\", "
                "\"turns:turn.example:5349?transport=tcp\"]}\n");
  EXPECT_EQ(count(RestResult::issued), 1U);
}

TEST_F(RestApiTest, WithoutANameTheTimestampIsTheUser) {
  EXPECT_THAT(get().body, HasSubstr("\"username\": \"1800000600\","));
}

// The server reads the first part that is a number; a name must not bring its own.
TEST_F(RestApiTest, ANameCannotChangeTheTime) {
  for (const char* name : {"9999999999", "x:9999999999", ":9999999999", "9999999999:x"}) {
    const std::string body = get(std::string("&username=") + name).body;
    const std::string user = "1800000600:" + std::string(name);
    EXPECT_THAT(body, HasSubstr("\"" + user + "\""));
    EXPECT_EQ(auth::parse_time_limited(user, ':')->expires_unix_s, kNow_s + 600) << name;
  }
}

TEST_F(RestApiTest, GivesTheFormsOfBrowsers) {
  EXPECT_THAT(get("&format=array").body, testing::StartsWith("[\n  {\"urls\": [\"stun:"));
  EXPECT_THAT(get("&format=configuration").body, testing::StartsWith("{\"iceServers\": ["));
  EXPECT_EQ(get("&format=environment").status, 400);
}

TEST_F(RestApiTest, TakesAKeyInThreeWays) {
  const std::string key(kKey);
  EXPECT_EQ(ask("GET", "/turn?service=turn&key=" + key).status, 200);
  EXPECT_EQ(ask("GET", "/turn?service=turn", "X-API-Key: " + key + "\r\n").status, 200);
  EXPECT_EQ(ask("GET", "/turn?service=turn", "Authorization: bearer " + key + "\r\n").status, 200);
  EXPECT_EQ(ask("GET", "/turn?service=turn&key=" + std::string(kOtherKey)).status, 200);
}

TEST_F(RestApiTest, RefusesWhoHasNoKey) {
  const http::Response none = ask("GET", "/turn?service=turn");
  EXPECT_EQ(none.status, 401);
  for (const std::string key : {"x", "a-key-of-some-lengt", "a-key-of-some-length2"}) {
    const http::Response wrong = ask("GET", "/turn?service=turn&key=" + key);
    EXPECT_EQ(wrong.status, 403) << key;
    EXPECT_THAT(wrong.body, Not(HasSubstr("password")));
  }
  EXPECT_EQ(count(RestResult::no_key), 1U);
  EXPECT_EQ(count(RestResult::wrong_key), 3U);
  EXPECT_EQ(count(RestResult::issued), 0U);
}

TEST_F(RestApiTest, RefusesWhatIsNoQuestion) {
  const std::string key = "&key=" + std::string(kKey);
  EXPECT_EQ(ask("GET", "/").status, 404);
  EXPECT_EQ(ask("GET", "/turn/x").status, 404);
  EXPECT_EQ(ask("POST", "/turn").status, 405);
  EXPECT_EQ(ask("GET", "/turn?x=y" + key).status, 400);
  EXPECT_EQ(ask("GET", "/turn?service=stun" + key).status, 400);
  for (const char* name : {"a%0ab", "a%7f", "%ff", "%c3%28", "%ed%a0%80"}) {
    EXPECT_EQ(get(std::string("&username=") + name).status, 400) << name;
  }
  EXPECT_EQ(get("&username=" + std::string(487, 'n')).status, 200);
  EXPECT_EQ(get("&username=" + std::string(488, 'n')).status, 400);
  EXPECT_THAT(get("&username=%c3%a4%22%5c").body, HasSubstr("\xc3\xa4\\\"\\\\"));
}

TEST_F(RestApiTest, PagesOfListedOriginsMayAsk) {
  const std::string listed = "Origin: https://app.example\r\n";
  const http::Response allowed = get("", listed);
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(header(allowed, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(header(allowed, "Vary"), "Origin");
  for (const char* other :
       {"https://app.example.evil.example", "http://app.example", "null", "*"}) {
    const http::Response refused = get("", "Origin: " + std::string(other) + "\r\n");
    EXPECT_EQ(refused.status, 403) << other;
    EXPECT_EQ(header(refused, "Access-Control-Allow-Origin"), "");
    EXPECT_THAT(refused.body, Not(HasSubstr("password")));
  }
  // A page that may ask sees what is wrong.
  EXPECT_EQ(header(ask("GET", "/turn", listed), "Access-Control-Allow-Origin"),
            "https://app.example");
  EXPECT_EQ(header(get(), "Access-Control-Allow-Origin"), "");
}

TEST_F(RestApiTest, AnswersAPreflightWithoutAKey) {
  const std::string wish = "Access-Control-Request-Method: GET\r\n";
  const http::Response yes = ask("OPTIONS", "/turn", "Origin: https://app.example\r\n" + wish);
  EXPECT_EQ(yes.status, 204);
  EXPECT_EQ(header(yes, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_THAT(header(yes, "Access-Control-Allow-Headers"), HasSubstr("Authorization"));
  EXPECT_EQ(ask("OPTIONS", "/turn", "Origin: https://b.example\r\n" + wish).status, 403);
  settings_.origins = {"*"};
  api_.reset();
  EXPECT_EQ(ask("OPTIONS", "/turn", "Origin: https://b.example\r\n" + wish).status, 204);
}

TEST_F(RestApiTest, LimitsAllTogetherBehindTheKey) {
  settings_.per_second = 3;
  // Whoever has no key uses nothing up.
  for (int i = 0; i < 100; ++i) ask("GET", "/turn?service=turn&key=wrong");
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get().status, 200) << i;
  const http::Response late = get();
  EXPECT_EQ(late.status, 429);
  EXPECT_EQ(header(late, "Retry-After"), "1");
  now_ += seconds(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get().status, 200) << i;
  EXPECT_EQ(get().status, 429);
  EXPECT_EQ(count(RestResult::limited), 2U);
}

TEST_F(RestApiTest, LimitsEachAddressWhateverItAsks) {
  settings_.per_second_of_source = 2;
  const Ip guesser = Ip::v4(0xc0000202);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(ask_from(guesser, "GET", "/turn?service=turn&key=guess").status, 403) << i;
  }
  const http::Response late =
      ask_from(guesser, "GET", "/turn?service=turn&key=" + std::string(kKey));
  EXPECT_EQ(late.status, 429);
  EXPECT_EQ(header(late, "Retry-After"), "1");
  EXPECT_EQ(get().status, 200) << "another address";
  now_ += seconds(1);
  EXPECT_EQ(ask_from(guesser, "GET", "/turn?service=turn&key=guess").status, 403);
}

TEST_F(RestApiTest, GivesNothingWhileClosed) {
  settings_.closed = "the server is draining";
  const http::Response response = get();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(header(response, "Retry-After"), "5");
  EXPECT_THAT(response.body, HasSubstr("draining"));
  EXPECT_EQ(ask("GET", "/turn?service=turn").status, 401) << "and says so to nobody else";
}

TEST_F(RestApiTest, UsesNewSettingsAtOnceAndKeepsWhatIsSpent) {
  settings_.per_second = 1;
  get();
  get();
  EXPECT_EQ(get().status, 429);
  settings_.keys = {"the-third-key-of-them"};
  api_->use(std::make_shared<const RestSettings>(settings_), now_);
  EXPECT_EQ(get().status, 403);
  EXPECT_EQ(ask("GET", "/turn?service=turn&key=the-third-key-of-them").status, 429);
  settings_.per_second = 0;
  api_->use(std::make_shared<const RestSettings>(settings_), now_);
  EXPECT_EQ(ask("GET", "/turn?service=turn&key=the-third-key-of-them").status, 200);
}

}  // namespace
}  // namespace turnpike::webrtc
