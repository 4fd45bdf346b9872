#include "cli/control_tables.h"

#include <array>

#include <fmt/format.h>

#include "cli/userdb_options.h"

namespace turnpike::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string cell_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return "-";
  return printable_text(found->get<std::string>());
}

int64_t number_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<int64_t>() : 0;
}

double rate_of(const Json& json, const char* direction) {
  const auto found = json.find(direction);
  if (found == json.end() || !found->is_object()) return 0;
  return found->value("bytes_per_s", 0.0);
}

int64_t bytes_of(const Json& json, const char* direction) {
  const auto found = json.find(direction);
  return found != json.end() && found->is_object() ? number_of(*found, "bytes") : 0;
}

std::string joined_cells(const Json& json, const char* name) {
  std::string text;
  const auto found = json.find(name);
  if (found == json.end() || !found->is_array()) return text;
  for (const Json& one : *found) {
    if (one.is_string())
      text += (text.empty() ? "" : ", ") + printable_text(one.get<std::string>());
  }
  return text;
}

}  // namespace

std::string printable_text(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return text;
}

std::string bytes_text(double bytes, std::string_view suffix) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  const int digits = unit > 0 && bytes < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}{}", bytes, digits, kUnits.at(unit), suffix);
}

std::string duration_text(int64_t seconds) {
  struct Unit {
    int64_t length;
    std::string_view name;
  };
  constexpr std::array<Unit, 4> kUnits = {Unit{86'400, "d"}, Unit{3600, "h"}, Unit{60, "min"},
                                          Unit{1, "s"}};
  for (size_t i = 0; i + 1 < kUnits.size(); ++i) {
    if (seconds < kUnits[i].length) continue;
    const int64_t rest = seconds % kUnits[i].length / kUnits[i + 1].length;
    return fmt::format("{} {} {} {}", seconds / kUnits[i].length, kUnits[i].name, rest,
                       kUnits[i + 1].name);
  }
  return fmt::format("{} s", seconds);
}

std::string status_text(const Json& status) {
  std::string state = status.value("draining", false) ? "draining" : "serving";
  if (const auto left = status.find("drain_left_s"); left != status.end() && left->is_number()) {
    state += ", ends in " + duration_text(left->get<int64_t>());
  }
  std::string workers;
  if (const auto found = status.find("workers"); found != status.end() && found->is_array()) {
    for (const Json& worker : *found) {
      workers += (workers.empty() ? "" : ", ") + std::to_string(number_of(worker, "sessions"));
      if (number_of(worker, "silent_s") > 10) workers += " (stuck)";
    }
  }
  std::vector<std::vector<std::string>> rows = {
      {"state", state},
      {"version", cell_of(status, "version")},
      {"realm", cell_of(status, "realm")},
      {"running for", duration_text(number_of(status, "uptime_s"))},
      {"sessions", fmt::format("{} (on each worker: {})", number_of(status, "sessions"), workers)},
      {"sessions so far", std::to_string(number_of(status, "sessions_opened"))},
      {"relayed",
       fmt::format("{} from clients, {} to clients",
                   bytes_text(static_cast<double>(number_of(status, "bytes_from_clients")), ""),
                   bytes_text(static_cast<double>(number_of(status, "bytes_to_clients")), ""))},
      {"refused",
       fmt::format("{} for credentials, {} for quotas, {} for want of capacity",
                   number_of(status, "credentials_refused"), number_of(status, "quota_refusals"),
                   number_of(status, "capacity_refusals"))},
      {"listening", joined_cells(status, "listening")},
      {"log level", cell_of(status, "log_level")},
      {"reloaded", cell_of(status, "reloaded_at")},
  };
  if (const std::string options = joined_cells(status, "needs_restart"); !options.empty()) {
    rows.push_back({"needs a restart", options});
  }
  return text_table(std::move(rows));
}

std::string sessions_text(const Json& sessions) {
  std::vector<std::vector<std::string>> rows = {
      {"ID", "USER", "CLIENT", "VIA", "RELAYED", "AGE", "IN", "OUT", "IN NOW", "OUT NOW"}};
  for (const Json& session : sessions) {
    rows.push_back({cell_of(session, "id"), cell_of(session, "user"), cell_of(session, "client"),
                    cell_of(session, "transport"), joined_cells(session, "relayed"),
                    duration_text(number_of(session, "age_s")),
                    bytes_text(static_cast<double>(bytes_of(session, "from_client")), ""),
                    bytes_text(static_cast<double>(bytes_of(session, "to_client")), ""),
                    bytes_text(rate_of(session, "from_client"), "/s"),
                    bytes_text(rate_of(session, "to_client"), "/s")});
  }
  return text_table(std::move(rows));
}

std::string session_text(const Json& session) {
  std::string text = sessions_text(Json::array({session}));
  std::vector<std::vector<std::string>> rows = {{"PEER", "CHANNEL", "STATE", "EXPIRES IN"}};
  if (const auto found = session.find("channels"); found != session.end()) {
    for (const Json& channel : *found) {
      const bool used = channel.value("used", false);
      const std::string idle = duration_text(number_of(channel, "idle_s"));
      rows.push_back({cell_of(channel, "peer"),
                      fmt::format("0x{:04x}", number_of(channel, "number")),
                      used ? "idle for " + idle : "never used",
                      duration_text(number_of(channel, "expires_in_s"))});
    }
  }
  if (const auto found = session.find("permissions"); found != session.end()) {
    for (const Json& permission : *found) {
      rows.push_back({cell_of(permission, "peer"), "-", "permission",
                      duration_text(number_of(permission, "expires_in_s"))});
    }
  }
  return text + "\n" + text_table(std::move(rows));
}

}  // namespace turnpike::cli
