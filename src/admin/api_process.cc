// The server as a whole: health, status, configuration, reload, drain, log.
#include <algorithm>

#include "admin/api.h"
#include "base/log.h"
#include "config/in_force.h"
#include "turnpike/version.h"

namespace turnpike::admin {
namespace {

// A worker looks at the clock once a second, so this is one that is stuck.
constexpr seconds kSilence{10};

Json text_list(const std::vector<std::string>& list) {
  Json json = Json::array();
  for (const std::string& one : list) json.push_back(one);
  return json;
}

bool is_alive(const server::ServerStatus& status) {
  return std::all_of(status.workers.begin(), status.workers.end(),
                     [](const server::WorkerStatus& worker) { return worker.silent <= kSilence; });
}

http::Response health(const Call& call) {
  const server::ServerStatus status = call.control.status();
  if (!is_alive(status)) return reply(503, {{"status", "stuck"}});
  return reply(200, {{"status", "ok"}});
}

http::Response readiness(const Call& call) {
  const server::ServerStatus status = call.control.status();
  if (status.draining) return reply(503, {{"status", "draining"}});
  if (status.locating) return reply(503, {{"status", "locating"}});
  if (!is_alive(status)) return reply(503, {{"status", "stuck"}});
  return reply(200, {{"status", "ready"}});
}

http::Response show_status(const Call& call) {
  const server::ServerStatus status = call.control.status();
  Json workers = Json::array();
  for (const server::WorkerStatus& worker : status.workers) {
    workers.push_back({{"sessions", worker.sessions}, {"silent_s", worker.silent.count()}});
  }
  Json listening = Json::array();
  for (const Endpoint& endpoint : status.listening) listening.push_back(endpoint.to_string());
  Json json = {{"version", kVersion},
               {"realm", status.realm},
               {"uptime_s", status.uptime.count()},
               {"draining", status.draining},
               {"drain_left_s", nullptr},
               {"sessions", status.sessions},
               {"sessions_opened", status.sessions_opened},
               {"sessions_closed", status.sessions_closed},
               {"bytes_from_clients", status.bytes_from_clients},
               {"bytes_to_clients", status.bytes_to_clients},
               {"credentials_refused", status.credentials_refused},
               {"quota_refusals", status.quota_refusals},
               {"capacity_refusals", status.capacity_refusals},
               {"listening", std::move(listening)},
               {"workers", std::move(workers)},
               {"log_level", to_string(log_level())},
               {"reloaded_at", nullptr},
               {"needs_restart", text_list(status.needs_restart)}};
  if (status.drain_left) json["drain_left_s"] = status.drain_left->count();
  if (status.reloaded_at) json["reloaded_at"] = iso_time(*status.reloaded_at);
  return reply(200, json);
}

http::Response show_configuration(const Call& call) {
  const auto configuration = call.control.configuration();
  Json options = Json::object();
  for (const config::OptionInForce& option : config::options_in_force(configuration->applied)) {
    options[option.name] = {{"value", nullptr}, {"set_by", option.source}};
    Json& value = options[option.name]["value"];
    if (option.is_list) {
      value = text_list(option.values);
    } else if (!option.values.empty()) {
      value = option.values.front();
    }
  }
  // It may have been changed by hand since.
  if (log_level() != configuration->config.log_level) {
    options["log-level"] = {{"value", to_string(log_level())}, {"set_by", "operator"}};
  }
  return reply(200, {{"file", configuration->file}, {"options", std::move(options)}});
}

http::Response reload_configuration(const Call& call) {
  const auto report = call.control.reload();
  if (!report) return refuse(report.error());
  return reply(report->done ? 200 : 422, {{"reloaded", report->done},
                                          {"errors", text_list(report->errors)},
                                          {"warnings", text_list(report->warnings)},
                                          {"changed", text_list(report->changed)},
                                          {"needs_restart", text_list(report->needs_restart)}});
}

http::Response begin_drain(const Call& call) {
  constexpr uint64_t kLongest = 604'800;
  std::optional<seconds> within;
  if (unknown_member(call.body, {"timeout_s"})) {
    return refuse(400, "unknown_member", "the body takes timeout_s alone");
  }
  if (const auto found = call.body.find("timeout_s"); found != call.body.end()) {
    if (!found->is_number_unsigned() || found->get<uint64_t>() > kLongest) {
      return refuse(400, "bad_timeout", "timeout_s: seconds, up to a week");
    }
    within = seconds(found->get<uint64_t>());
  }
  const auto begun = call.control.drain(within);
  if (!begun) return refuse(begun.error());
  return reply(200, {{"draining", true}, {"sessions", call.control.status().sessions}});
}

http::Response show_log_level(const Call&) {
  return reply(200, {{"level", to_string(log_level())}});
}

http::Response change_log_level(const Call& call) {
  const auto level = parse_log_level(text_member(call.body, "level").value_or(""));
  if (!level || unknown_member(call.body, {"level"})) {
    return refuse(400, "bad_level", "level: debug, info, warning, error or off");
  }
  set_log_level(*level);
  log_info("log_level_changed", {{"level", to_string(*level)}});
  return reply(200, {{"level", to_string(*level)}});
}

constexpr Route kProcessRoutes[] = {
    {http::Method::get, "/healthz", health, true},
    {http::Method::get, "/readyz", readiness, true},
    {http::Method::get, "/v1/status", show_status},
    {http::Method::get, "/v1/config", show_configuration},
    {http::Method::post, "/v1/reload", reload_configuration},
    {http::Method::post, "/v1/drain", begin_drain},
    {http::Method::get, "/v1/log-level", show_log_level},
    {http::Method::put, "/v1/log-level", change_log_level},
};

}  // namespace

std::span<const Route> process_routes() {
  return kProcessRoutes;
}

}  // namespace turnpike::admin
