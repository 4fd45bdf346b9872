#include "webrtc/rest_api.h"

#include <algorithm>

#include "auth/credentials.h"
#include "auth/time_limited.h"
#include "base/json_text.h"
#include "stun/integrity.h"

namespace turnpike::webrtc {
namespace {

constexpr const char* kMethods = "GET, HEAD, OPTIONS";
// A second fills a bucket again, so there is no use in waiting longer.
constexpr const char* kRetryLimited = "1";
constexpr const char* kRetryClosed = "5";

http::Response refuse(int status, std::string_view code, std::string_view message) {
  std::string body = R"({"error": {"code": )";
  append_json_string(body, code);
  body += ", \"message\": ";
  append_json_string(body, message);
  return {.status = status, .body = body + "}}\n"};
}

http::Response refuse_for_now(int status, std::string_view code, std::string_view message,
                              const char* retry_after) {
  http::Response response = refuse(status, code, message);
  response.headers.push_back({"Retry-After", retry_after});
  return response;
}

// RFC 9110 section 9.3.7, and the preflight of fetch.spec.whatwg.org.
http::Response answer_options(bool is_preflight) {
  http::Response response{.status = 204, .body = {}, .headers = {{"Allow", kMethods}}};
  if (!is_preflight) return response;
  response.headers.push_back({"Access-Control-Allow-Methods", "GET, HEAD"});
  response.headers.push_back({"Access-Control-Allow-Headers", "Authorization, X-API-Key"});
  response.headers.push_back({"Access-Control-Max-Age", "600"});
  return response;
}

std::string key_of(const http::Request& request) {
  if (!request.bearer().empty()) return std::string(request.bearer());
  if (!request.header("x-api-key").empty()) return request.header("x-api-key");
  return request.parameter("key").value_or("");
}

// The name goes into a log, a username and JSON: text without control characters, and UTF-8, since
// the password is made from these very bytes. The timestamp and its separator come on top.
bool is_name(std::string_view name) {
  constexpr size_t kLongest = auth::kMaxUsernameSize - 21;
  const bool is_clean = std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  return name.size() <= kLongest && is_clean && is_utf8(name);
}

// Section 2.2 of the draft.
std::string draft_json(const IceServer& server, uint32_t ttl_s) {
  std::string out = "{\"username\": " + json_string(server.username) +
                    ",\n \"password\": " + json_string(server.credential) +
                    ",\n \"ttl\": " + std::to_string(ttl_s) + ",\n \"uris\": [";
  bool is_first = true;
  for (const std::string& url : turn_urls(server)) {
    if (!is_first) out += ", ";
    append_json_string(out, url);
    is_first = false;
  }
  return out + "]}\n";
}

}  // namespace

std::string_view to_string(RestResult result) {
  switch (result) {
    case RestResult::issued:
      return "issued";
    case RestResult::preflight:
      return "preflight";
    case RestResult::malformed:
      return "malformed";
    case RestResult::no_key:
      return "no_key";
    case RestResult::wrong_key:
      return "wrong_key";
    case RestResult::wrong_origin:
      return "wrong_origin";
    case RestResult::limited:
      return "limited";
    case RestResult::closed:
      return "closed";
  }
  return "?";
}

RestApi::RestApi(std::shared_ptr<const RestSettings> settings, const HashKey& hash_key, Instant now)
    : sources_(hash_key) {
  use(std::move(settings), now);
}

void RestApi::use(std::shared_ptr<const RestSettings> settings, Instant now) {
  const uint32_t rate = settings->per_second;
  if (!settings_ || settings_->per_second != rate) {
    all_.reset();
    if (rate != 0) all_.emplace(rate, 2 * uint64_t{rate}, now);
  }
  settings_ = std::move(settings);
}

bool RestApi::may_ask(const std::string& origin) const {
  return std::any_of(settings_->origins.begin(), settings_->origins.end(),
                     [&origin](const std::string& one) { return one == "*" || one == origin; });
}

// All of them, so that the time does not tell which one was nearly right.
bool RestApi::is_key(std::string_view shown) const {
  bool found = false;
  for (const std::string& key : settings_->keys) {
    found |= stun::constant_time_equal(as_bytes(shown), as_bytes(key));
  }
  return found;
}

http::Response RestApi::handle(const http::Request& request, const Ip& source, Instant now,
                               WallTime wall_now) {
  const std::string& origin = request.header("origin");
  Outcome outcome = judge(request, source, now, wall_now);
  counters_.add(outcome.result);
  auto& headers = outcome.response.headers;
  headers.push_back({"Vary", "Origin"});
  // Errors too: the page is to see what is wrong.
  if (!origin.empty() && may_ask(origin)) {
    headers.push_back({"Access-Control-Allow-Origin", origin});
    headers.push_back({"Access-Control-Expose-Headers", "Retry-After"});
  }
  return std::move(outcome.response);
}

RestApi::Outcome RestApi::judge(const http::Request& request, const Ip& source, Instant now,
                                WallTime wall_now) {
  // Before all else, so that guessing keys has a price.
  const turn::ReplyLimit limit = {settings_->per_second_of_source,
                                  2 * settings_->per_second_of_source};
  if (limit.per_second != 0 && !sources_.spend(source, limit, now)) {
    return {RestResult::limited,
            refuse_for_now(429, "too_many", "this address asks too often", kRetryLimited)};
  }
  if (request.path != "/turn") {
    return {RestResult::malformed, refuse(404, "no_such_path", "credentials are at /turn")};
  }
  const std::string& origin = request.header("origin");
  if (!origin.empty() && !may_ask(origin)) {
    return {RestResult::wrong_origin,
            refuse(403, "wrong_origin", "rest-allow-origin does not name this page's origin")};
  }
  if (request.method == http::Method::options) {
    return {RestResult::preflight, answer_options(!origin.empty())};
  }
  if (request.method != http::Method::get) {
    http::Response refusal = refuse(405, "wrong_method", "ask with GET");
    refusal.headers.push_back({"Allow", kMethods});
    return {RestResult::malformed, std::move(refusal)};
  }
  const std::string key = key_of(request);
  if (key.empty()) {
    return {RestResult::no_key,
            refuse(401, "no_key", "show a rest-api-key: Authorization: Bearer KEY")};
  }
  if (!is_key(key)) return {RestResult::wrong_key, refuse(403, "wrong_key", "that is no key")};
  if (!settings_->closed.empty()) {
    return {RestResult::closed, refuse_for_now(503, "closed", settings_->closed, kRetryClosed)};
  }
  // Behind the key: strangers cannot use up what is for those who have one.
  if (all_ && !all_->take(1, now)) {
    return {RestResult::limited,
            refuse_for_now(429, "too_many", "rest-limit is reached", kRetryLimited)};
  }
  return issue(request, wall_now);
}

RestApi::Outcome RestApi::issue(const http::Request& request, WallTime wall_now) const {
  if (request.parameter("service") != "turn") {
    return {RestResult::malformed, refuse(400, "wrong_service", "the service is turn")};
  }
  const std::string name = request.parameter("username").value_or("");
  if (!is_name(name)) {
    return {
        RestResult::malformed,
        refuse(400, "bad_username", "username: UTF-8 without control characters, up to 487 bytes")};
  }
  const std::string format = request.parameter("format").value_or("draft");
  if (format != "draft" && format != "array" && format != "configuration") {
    return {RestResult::malformed,
            refuse(400, "bad_format", "format: draft, array (iceServers) or configuration")};
  }
  IceServer server = settings_->server;
  server.username = std::to_string(unix_seconds(wall_now) + settings_->ttl_s);
  if (!name.empty()) server.username += settings_->separator + name;
  server.credential = auth::time_limited_password(settings_->secret, server.username);
  http::Response response;
  if (format == "array") response.body = ice_servers_json(server);
  if (format == "configuration") response.body = rtc_configuration_json(server);
  if (format == "draft") response.body = draft_json(server, settings_->ttl_s);
  return {RestResult::issued, std::move(response)};
}

}  // namespace turnpike::webrtc
