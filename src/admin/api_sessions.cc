// Sessions, and what was refused.
#include <cmath>

#include "admin/api.h"

namespace turnpike::admin {
namespace {

using server::SessionFilter;
using server::SessionId;
using server::SessionInfo;
using server::SessionTraffic;

constexpr uint64_t kUsualSessions = 100;
constexpr uint64_t kMostSessions = 1000;

// Readable, and far finer than what a rate means.
double rounded(double value) {
  return std::round(value * 10) / 10;
}

Json session_json(const SessionTraffic& traffic) {
  return {{"packets", traffic.packets},
          {"bytes", traffic.bytes},
          {"packets_per_s", rounded(traffic.packets_per_s)},
          {"bytes_per_s", rounded(traffic.bytes_per_s)}};
}

Json peers_of(const SessionInfo& session) {
  Json permissions = Json::array();
  for (const auto& permission : session.permissions) {
    permissions.push_back(
        {{"peer", permission.peer.to_string()}, {"expires_in_s", permission.expires_in.count()}});
  }
  Json channels = Json::array();
  for (const auto& channel : session.channels) {
    Json entry = {{"number", channel.number},
                  {"peer", channel.peer.to_string()},
                  {"expires_in_s", channel.expires_in.count()},
                  {"used", channel.idle.has_value()},
                  {"idle_s", nullptr}};
    if (channel.idle) entry["idle_s"] = channel.idle->count();
    channels.push_back(std::move(entry));
  }
  return {{"permissions", std::move(permissions)}, {"channels", std::move(channels)}};
}

Json session_json(const SessionInfo& session) {
  Json relayed = Json::array();
  for (const Endpoint& endpoint : session.relayed) relayed.push_back(endpoint.to_string());
  Json json = {{"id", session.id.to_string()},
               {"user", session.user},
               {"realm", session.realm},
               {"transport", to_string(session.tuple.transport)},
               {"client", session.tuple.client.to_string()},
               {"server", session.tuple.server.to_string()},
               {"relayed", std::move(relayed)},
               {"age_s", session.age.count()},
               {"expires_in_s", session.expires_in.count()},
               {"from_client", session_json(session.from_client)},
               {"to_client", session_json(session.to_client)},
               {"rates_over_ms", session.rates_over.count()}};
  json.update(peers_of(session));
  return json;
}

// "192.0.2.1", "192.0.2.0/24", or nothing for what is neither.
std::optional<IpRange> range_of(const std::string& text) {
  return IpRange::parse(text);
}

Result<SessionFilter, http::Response> filter_of_query(const http::Request& request) {
  SessionFilter filter;
  filter.user = request.parameter("user").value_or("");
  filter.realm = request.parameter("realm").value_or("");
  if (const auto address = request.parameter("address")) {
    filter.client = range_of(*address);
    if (!filter.client) {
      return unexpected(refuse(400, "bad_address", "address: an IP address or a range of them"));
    }
  }
  return filter;
}

http::Response list_sessions(const Call& call) {
  auto filter = filter_of_query(call.request);
  if (!filter) return filter.error();
  server::SessionQuery query;
  query.filter = std::move(*filter);
  const auto limit = number_parameter(call.request, "limit", kUsualSessions, kMostSessions);
  if (!limit || *limit == 0) return refuse(400, "bad_limit", "limit: a number from 1 to 1000");
  query.limit = *limit;
  if (const auto after = call.request.parameter("after")) {
    query.after = SessionId::parse(*after);
    if (!query.after) return refuse(400, "bad_cursor", "after: the id of a session");
  }
  const auto page = call.control.sessions(query);
  if (!page) return refuse(page.error());
  Json sessions = Json::array();
  for (const SessionInfo& session : page->sessions) sessions.push_back(session_json(session));
  Json json = {{"sessions", std::move(sessions)}, {"matching", page->matching}, {"next", nullptr}};
  if (page->more && !page->sessions.empty()) {
    json["next"] = page->sessions.back().id.to_string();
  }
  return reply(200, json);
}

http::Response no_such_session() {
  return refuse(404, "no_such_session", "there is no session with this id");
}

http::Response show_session(const Call& call) {
  server::SessionQuery query;
  query.filter.id = SessionId::parse(call.arguments[0]);
  if (!query.filter.id) return no_such_session();
  const auto page = call.control.sessions(query);
  if (!page) return refuse(page.error());
  if (page->sessions.empty()) return no_such_session();
  return reply(200, session_json(page->sessions.front()));
}

http::Response kill_session(const Call& call) {
  SessionFilter filter;
  filter.id = SessionId::parse(call.arguments[0]);
  if (!filter.id) return no_such_session();
  const auto killed = call.control.kill(filter);
  if (!killed) return refuse(killed.error());
  if (*killed == 0) return no_such_session();
  return reply(200, {{"killed", *killed}});
}

http::Response kill_sessions(const Call& call) {
  if (const auto unknown = unknown_member(call.body, {"user", "realm", "address", "all"})) {
    return refuse(400, "unknown_member", "the body takes user, realm, address and all");
  }
  SessionFilter filter;
  for (const char* name : {"user", "realm", "address"}) {
    if (call.body.contains(name) && text_member(call.body, name).value_or("").empty()) {
      return refuse(400, "bad_member", std::string(name) + ": a text that is not empty");
    }
  }
  filter.user = text_member(call.body, "user").value_or("");
  filter.realm = text_member(call.body, "realm").value_or("");
  if (const auto address = text_member(call.body, "address")) {
    filter.client = range_of(*address);
    if (!filter.client) {
      return refuse(400, "bad_address", "address: an IP address or a range of them");
    }
  }
  const bool names_some = !filter.user.empty() || !filter.realm.empty() || filter.client;
  const bool all = call.body.value("all", Json(false)) == Json(true);
  // Nobody ends every session by leaving something out.
  if (names_some == all) {
    return refuse(400, "which", "say which sessions: user, realm or address; or all alone");
  }
  // A user who was removed beside the server must not come back before the server has noticed.
  if (!filter.user.empty()) call.control.users_changed();
  const auto killed = call.control.kill(filter);
  if (!killed) return refuse(killed.error());
  return reply(200, {{"killed", *killed}});
}

http::Response list_refusals(const Call& call) {
  const auto limit = number_parameter(call.request, "limit", kUsualSessions, kMostSessions);
  if (!limit || *limit == 0) return refuse(400, "bad_limit", "limit: a number from 1 to 1000");
  const auto found = call.control.refusals(*limit);
  if (!found) return refuse(found.error());
  Json list = Json::array();
  for (const server::Refusal& refusal : *found) {
    list.push_back({{"time", iso_time(refusal.at)},
                    {"client", refusal.tuple.client.to_string()},
                    {"transport", to_string(refusal.tuple.transport)},
                    {"user", refusal.user},
                    {"what", refusal.what},
                    {"code", refusal.code},
                    {"reason", refusal.reason}});
  }
  return reply(200, {{"refusals", std::move(list)}});
}

constexpr Route kSessionRoutes[] = {
    {http::Method::get, "/v1/sessions", list_sessions},
    {http::Method::get, "/v1/sessions/{id}", show_session},
    {http::Method::del, "/v1/sessions/{id}", kill_session},
    {http::Method::post, "/v1/sessions/kill", kill_sessions},
    {http::Method::get, "/v1/refusals", list_refusals},
};

}  // namespace

std::span<const Route> session_routes() {
  return kSessionRoutes;
}

}  // namespace turnpike::admin
