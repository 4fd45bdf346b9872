#include "admin/api.h"

#include <fstream>
#include <iterator>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "support/source_tree.h"
#include "unit/admin/fake_control.h"

namespace turnpike::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kToken = "a-token-of-some-length";

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() {
    set_log_level(LogLevel::off);
    control_.in_force.config.admin_token = kToken;
  }

  http::Response ask(std::string_view method, const std::string& target,
                     const std::string& body = "", http::Door door = http::Door::local,
                     std::string_view token = {}) {
    std::string text(method);
    text += " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
    if (!token.empty()) text.append("Authorization: Bearer ").append(token).append("\r\n");
    if (!body.empty()) {
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n";
    }
    http::Parser parser;
    EXPECT_EQ(parser.push(as_bytes(text + "\r\n" + body)), http::Parser::State::complete) << text;
    return api_.handle(parser.request(), door);
  }
  static Json json_of(const http::Response& response) { return Json::parse(response.body); }

  FakeControl control_;
  Api api_{control_};
};

TEST_F(ApiTest, AsksForTheTokenOverTcp) {
  EXPECT_EQ(ask("GET", "/v1/status", "", http::Door::tcp).status, 401);
  EXPECT_EQ(ask("GET", "/v1/status", "", http::Door::tcp, "wrong").status, 401);
  EXPECT_EQ(ask("GET", "/v1/nothing", "", http::Door::tcp).status, 401);
  EXPECT_EQ(ask("GET", "/v1/status", "", http::Door::tcp, kToken).status, 200);
  EXPECT_EQ(ask("GET", "/v1/status").status, 200);
}

TEST_F(ApiTest, AnEmptyTokenLetsNobodyInOverTcp) {
  control_.in_force.config.admin_token.clear();
  http::Parser parser;
  parser.push(as_bytes("GET /v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \r\n\r\n"));
  EXPECT_EQ(api_.handle(parser.request(), http::Door::tcp).status, 401);
}

TEST_F(ApiTest, TakesTheTokenThatIsInForceNow) {
  control_.in_force.config.admin_token = "another-token-of-some-length";
  EXPECT_EQ(ask("GET", "/v1/status", "", http::Door::tcp, kToken).status, 401);
  EXPECT_EQ(ask("GET", "/v1/status", "", http::Door::tcp, "another-token-of-some-length").status,
            200);
}

TEST_F(ApiTest, ProbesNeedNoToken) {
  EXPECT_EQ(ask("GET", "/healthz", "", http::Door::tcp).status, 200);
  EXPECT_EQ(ask("GET", "/readyz", "", http::Door::tcp).status, 200);
}

TEST_F(ApiTest, ReadinessEndsWithDrainingAndHealthDoesNot) {
  control_.state.draining = true;
  EXPECT_EQ(ask("GET", "/readyz").status, 503);
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
}

TEST_F(ApiTest, ReadinessWaitsForThePublicAddress) {
  control_.state.locating = true;
  EXPECT_EQ(ask("GET", "/readyz").status, 503);
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
}

TEST_F(ApiTest, AStuckWorkerIsIllHealth) {
  control_.state.workers = {{.sessions = 0, .silent = seconds(11)}};
  EXPECT_EQ(ask("GET", "/healthz").status, 503);
  EXPECT_EQ(ask("GET", "/readyz").status, 503);
  control_.state.workers = {{.sessions = 0, .silent = seconds(10)}};
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
}

TEST_F(ApiTest, TellsWhichMethodsAPathTakes) {
  const http::Response response = ask("DELETE", "/v1/log-level");
  EXPECT_EQ(response.status, 405);
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].name + ": " + response.headers[0].value, "Allow: GET, PUT");
  EXPECT_EQ(ask("GET", "/v1/nothing").status, 404);
}

TEST_F(ApiTest, PassesFiltersOn) {
  EXPECT_EQ(
      ask("GET", "/v1/sessions?user=ann&realm=r&address=192.0.2.0/24&limit=7&after=1-2-3").status,
      200);
  const server::SessionQuery& query = control_.last_query;
  EXPECT_EQ(query.filter.user, "ann");
  EXPECT_EQ(query.filter.realm, "r");
  EXPECT_EQ(query.filter.client, IpRange::parse("192.0.2.0/24"));
  EXPECT_EQ(query.limit, 7U);
  EXPECT_EQ(query.after, (server::SessionId{1, 2, 3}));
}

TEST_F(ApiTest, SaysWhereTheNextPageBegins) {
  control_.page.sessions.resize(2);
  control_.page.sessions[1].id = {4, 5, 6};
  control_.page.more = true;
  EXPECT_EQ(json_of(ask("GET", "/v1/sessions"))["next"], "4-5-6");
  control_.page.more = false;
  EXPECT_TRUE(json_of(ask("GET", "/v1/sessions"))["next"].is_null());
}

TEST_F(ApiTest, AWorkerThatDoesNotAnswerIs503) {
  control_.silent = true;
  EXPECT_EQ(ask("GET", "/v1/sessions").status, 503);
  EXPECT_EQ(ask("DELETE", "/v1/sessions/1-2-3").status, 503);
}

TEST_F(ApiTest, KillsNobodyUnlessSomebodyIsNamed) {
  for (const char* body :
       {"{}", R"({"all": false})", R"({"user": ""})", R"({"user": null})", R"({"usr": "ann"})",
        R"({"user": "ann", "all": true})", R"({"user": "ann", "x": 1})", R"({"all": 1})"}) {
    EXPECT_EQ(ask("POST", "/v1/sessions/kill", body).status, 400) << body;
  }
  EXPECT_EQ(control_.kills, 0);
  EXPECT_EQ(ask("POST", "/v1/sessions/kill", R"({"all": true})").status, 200);
  EXPECT_EQ(control_.kills, 1);
}

TEST_F(ApiTest, LooksAtTheUsersBeforeItKillsOne) {
  EXPECT_EQ(ask("POST", "/v1/sessions/kill", R"({"user": "ann"})").status, 200);
  EXPECT_EQ(control_.user_changes, 1);
  EXPECT_EQ(control_.last_kill.user, "ann");
}

TEST_F(ApiTest, DrainsWithAndWithoutALimit) {
  EXPECT_EQ(ask("POST", "/v1/drain").status, 200);
  EXPECT_EQ(control_.drain_within, std::nullopt);
  EXPECT_EQ(ask("POST", "/v1/drain", R"({"timeout_s": 30})").status, 200);
  EXPECT_EQ(control_.drain_within, seconds(30));
  for (const char* body : {R"({"timeout_s": -1})", R"({"timeout_s": 1.5})",
                           R"({"timeout_s": 604801})", R"({"t": 1})"}) {
    EXPECT_EQ(ask("POST", "/v1/drain", body).status, 400) << body;
  }
  EXPECT_EQ(control_.drains, 2);
}

TEST_F(ApiTest, AReloadThatIsRefusedIs422WithTheReasons) {
  control_.report.errors = {"x.conf:3: no"};
  const http::Response response = ask("POST", "/v1/reload");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(json_of(response)["errors"][0], "x.conf:3: no");
  control_.report = {};
  control_.report.done = true;
  EXPECT_EQ(ask("POST", "/v1/reload").status, 200);
}

TEST_F(ApiTest, TellsNoSecretOfTheConfiguration) {
  control_.in_force.applied["user"] = {{"ann:swordfish", {"x.conf", 3}}};
  control_.in_force.applied["static-auth-secret"] = {{"north", {"command line", 0}}};
  control_.in_force.applied["admin-token"] = {{"south", {"command line", 0}}};
  const http::Response response = ask("GET", "/v1/config");
  EXPECT_THAT(response.body, Not(HasSubstr("swordfish")));
  EXPECT_THAT(response.body, Not(HasSubstr("north")));
  EXPECT_THAT(response.body, Not(HasSubstr("south")));
  EXPECT_EQ(json_of(response)["options"]["user"]["value"][0], "ann:********");
  EXPECT_EQ(json_of(response)["options"]["user"]["set_by"], "x.conf:3");
  EXPECT_EQ(json_of(response)["options"]["listening-port"]["value"], "3478");
}

TEST_F(ApiTest, WithoutADatabaseUsersAreThoseOfTheConfiguration) {
  control_.in_force.config.users = {{"ann", "swordfish", {}}};
  const http::Response response = ask("GET", "/v1/users");
  EXPECT_EQ(json_of(response)["users"][0]["name"], "ann");
  EXPECT_THAT(response.body, Not(HasSubstr("swordfish")));
  EXPECT_EQ(ask("PUT", "/v1/users/bob", R"({"password": "p"})").status, 409);
  EXPECT_EQ(ask("DELETE", "/v1/users/ann").status, 409);
}

TEST_F(ApiTest, ChangesTheLogLevel) {
  EXPECT_EQ(ask("PUT", "/v1/log-level", R"({"level": "error"})").status, 200);
  EXPECT_EQ(json_of(ask("GET", "/v1/log-level"))["level"], "error");
  EXPECT_EQ(ask("PUT", "/v1/log-level", R"({"level": "loud"})").status, 400);
  EXPECT_EQ(ask("PUT", "/v1/log-level", R"({"level": 3})").status, 400);
  set_log_level(LogLevel::off);
}

TEST_F(ApiTest, ABodyHasToBeAJsonObject) {
  for (const char* body : {"[]", "1", "\"x\"", "{", "null"}) {
    EXPECT_EQ(ask("POST", "/v1/drain", body).status, 400) << body;
  }
  http::Parser parser;
  ASSERT_EQ(parser.push(as_bytes("POST /v1/drain HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")),
            http::Parser::State::complete);
  EXPECT_EQ(api_.handle(parser.request(), http::Door::local).status, 415);
}

TEST(ApiDescription, NamesEveryRouteAndNoOther) {
  std::ifstream file(turnpike::testing::source_tree() + "/etc/openapi.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const Json description = Json::parse(text);
  std::set<std::string> described;
  for (const auto& path : description["paths"].items()) {
    for (const auto& method : path.value().items())
      described.insert(method.key() + " " + path.key());
  }
  std::set<std::string> served;
  for (const Route& route : all_routes()) {
    constexpr std::array<const char*, 4> kNames = {"get", "put", "post", "delete"};
    served.insert(kNames.at(static_cast<size_t>(route.method)) + (" " + std::string(route.path)));
  }
  EXPECT_EQ(described, served);
}

TEST(IsoTime, IsUtc) {
  EXPECT_EQ(iso_time(WallTime(seconds(0))), "1970-01-01T00:00:00Z");
  EXPECT_EQ(iso_time(WallTime(seconds(1'700'000'000))), "2023-11-14T22:13:20Z");
  EXPECT_EQ(iso_time(WallTime(seconds(951'827'696))), "2000-02-29T12:34:56Z");
}

}  // namespace
}  // namespace turnpike::admin
