#include "admin/api.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/log.h"
#include "net/clock.h"
#include "stun/integrity.h"

namespace turnpike::admin {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return segments;
}

// The arguments, if the path fits.
std::optional<std::vector<std::string>> match(std::string_view pattern,
                                              const std::vector<std::string>& segments) {
  const auto wanted = segments_of(pattern);
  if (wanted.size() != segments.size()) return {};
  std::vector<std::string> arguments;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{')) {
      arguments.push_back(segments[i]);
    } else if (wanted[i] != segments[i]) {
      return {};
    }
  }
  return arguments;
}

std::string_view name_of(http::Method method) {
  switch (method) {
    case http::Method::get:
      return "GET";
    case http::Method::put:
      return "PUT";
    case http::Method::post:
      return "POST";
    case http::Method::del:
      return "DELETE";
    case http::Method::options:
      return "OPTIONS";
    case http::Method::other:
      return "?";
  }
  return "?";
}

// The body as an object; a refusal when it is anything else.
Result<Json, http::Response> body_of(const http::Request& request) {
  if (request.body.empty()) return Json::object();
  if (!request.is_json()) {
    return unexpected(refuse(415, "not_json", "send the body with Content-Type: application/json"));
  }
  auto json = parse_json(request.body);
  if (!json) return unexpected(refuse(400, "bad_json", json.error()));
  if (!json->is_object()) {
    return unexpected(refuse(400, "bad_json", "the body has to be a JSON object"));
  }
  return std::move(*json);
}

// What operators change is in the log; the query and the body, which may hold secrets, are not.
void note_order(const http::Request& request, int status) {
  log_info("admin_order",
           {{"method", name_of(request.method)}, {"path", request.path}, {"status", status}});
}

void note_stranger() {
  static LogGate gate{seconds(1)};
  const int64_t held_back = gate.pass(net::monotonic_now());
  if (held_back < 0) return;
  log_warning("admin_refused", {{"reason", "no token"}, {"suppressed", held_back}});
}

}  // namespace

std::vector<Route> all_routes() {
  std::vector<Route> all;
  for (const auto& part : {process_routes(), session_routes(), user_routes(), rule_routes()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

bool Api::may_enter(const http::Request& request, http::Door door) const {
  if (door == http::Door::local) return true;
  const auto configuration = control_.configuration();
  const std::string& token = configuration->config.admin_token;
  // An empty one lets nobody in.
  if (token.empty()) return false;
  return stun::constant_time_equal(as_bytes(request.bearer()), as_bytes(token));
}

http::Response Api::handle(const http::Request& request, http::Door door) {
  static const std::vector<Route> routes = all_routes();
  const bool entered = may_enter(request, door);
  std::string allowed;
  for (const Route& route : routes) {
    auto arguments = match(route.path, request.segments);
    if (!arguments || (!entered && !route.open)) continue;
    if (route.method != request.method) {
      allowed.append(allowed.empty() ? "" : ", ").append(name_of(route.method));
      continue;
    }
    auto body = body_of(request);
    if (!body) return body.error();
    http::Response response =
        route.handle({request, std::move(*arguments), std::move(*body), control_});
    if (request.method != http::Method::get) note_order(request, response.status);
    return response;
  }
  if (!entered) note_stranger();
  // Who has no token does not learn which paths there are.
  if (!entered) return refuse(401, "no_token", "show the admin-token: Authorization: Bearer TOKEN");
  if (allowed.empty()) return refuse(404, "no_such_path", "there is nothing at this path");
  http::Response refusal = refuse(405, "wrong_method", "this path takes " + allowed);
  refusal.headers.push_back({"Allow", allowed});
  return refusal;
}

http::Response refuse(server::ControlError error) {
  return refuse(503, "no_answer", server::to_string(error));
}

std::optional<uint64_t> number_parameter(const http::Request& request, std::string_view name,
                                         uint64_t otherwise, uint64_t highest) {
  const auto text = request.parameter(name);
  if (!text) return otherwise;
  uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end || number > highest) return {};
  return number;
}

std::optional<std::string> text_member(const Json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

std::optional<std::string> unknown_member(const Json& body,
                                          std::initializer_list<std::string_view> known) {
  for (const auto& item : body.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) return item.key();
  }
  return {};
}

std::string iso_time(WallTime time) {
  using std::chrono::year_month_day;
  const auto since = std::chrono::floor<seconds>(time.time_since_epoch());
  const auto days = std::chrono::floor<std::chrono::days>(since);
  const year_month_day date{std::chrono::sys_days(days)};
  const std::chrono::hh_mm_ss clock(since - days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace turnpike::admin
