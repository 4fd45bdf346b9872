#include "config/load.h"

#include <algorithm>
#include <array>
#include <optional>

#include "config/apply.h"
#include "config/command_line.h"
#include "config/file_parser.h"
#include "config/option.h"
#include "config/option_values.h"
#include "config/validate.h"

namespace turnpike::config {
namespace {

// Nobody reads on beyond this, and a megabyte of junk would keep us busy.
constexpr size_t kMostErrors = 1000;

// What the settings say about where to look, which must be known before anything is applied.
struct Where {
  std::optional<Setting> file;           // Absent: nobody named one.
  std::string candidates{kDefaultFile};  // Then the first of these that exists, if any.
  bool no_file = false;
};

bool is_about_where_to_look(const Setting& setting) {
  const Option* option = find_option(setting.name);
  return option != nullptr && option->support == Support::command_line;
}

void take_where(const Setting& setting, Where& where, LoadResult& result) {
  if (setting.name == "config") {
    where.file = setting;
  } else if (setting.name == "default-config") {
    where.candidates = setting.value.value_or("");
  } else if (setting.name == "no-config") {
    where.no_file = parse_switch(setting.value.value_or("")).value_or(true);
  } else if (setting.name == "help") {
    result.request = Request::help;
  } else if (setting.name == "version") {
    result.request = Request::version;
  }
}

// Takes out of `settings` what says where to look.
void split_settings(std::vector<Setting>& settings, Where& where, LoadResult& result) {
  for (const Setting& setting : settings) {
    if (is_about_where_to_look(setting)) take_where(setting, where, result);
  }
  std::erase_if(settings, is_about_where_to_look);
}

// Of a list with colons; empty when there is none.
std::string first_that_exists(std::string_view list, const Environment& environment) {
  while (!list.empty()) {
    std::string path(list.substr(0, list.find(':')));
    if (!path.empty() && environment.file_exists(path)) return path;
    list.remove_prefix(std::min(list.size(), path.size() + 1));
  }
  return {};
}

std::vector<Setting> read_configuration_file(const Where& where, const Environment& environment,
                                             LoadResult& result) {
  if (where.no_file) {
    if (where.file && where.file->place.source == "command line") {
      result.errors.push_back(problem_at(where.file->place, "-c and -n contradict each other"));
    }
    return {};
  }
  const std::string path = where.file ? where.file->value.value_or("")
                                      : first_that_exists(where.candidates, environment);
  if (!where.file && path.empty()) return {};
  const auto content = environment.read_file(path);
  if (!content) {
    const Place place = where.file ? where.file->place : Place{};
    result.errors.push_back(
        problem_at(place, "configuration file '" + path + "' cannot be read: " + content.error()));
    return {};
  }
  result.file = path;
  return parse_file(*content, path, result.errors);
}

using Source = std::vector<Setting>;

bool names(const Source& source, std::string_view option) {
  return std::any_of(source.begin(), source.end(),
                     [option](const Setting& setting) { return setting.name == option; });
}

// Whether a later source has a list of its own in place of the one that `setting` belongs to.
bool is_replaced(const Setting& setting, std::span<const Source* const> later) {
  const Option* option = find_option(setting.name);
  if (option == nullptr || option->repeat != Repeat::latest_source) return false;
  return std::any_of(later.begin(), later.end(), [&setting](const Source* source) {
    // The key of one certificate is of no use to another.
    return names(*source, setting.name) || (setting.name == "pkey" && names(*source, "cert"));
  });
}

// The last source counts most.
void apply_all(std::span<const Source* const> sources, LoadResult& result) {
  for (size_t i = 0; i < sources.size(); ++i) {
    for (const Setting& setting : *sources[i]) {
      if (result.errors.size() >= kMostErrors) return;
      if (!is_replaced(setting, sources.subspan(i + 1))) {
        apply_setting(setting, result);
        continue;
      }
      // A mistake is one, whoever replaces it.
      LoadResult ignored;
      apply_setting(setting, ignored);
      result.errors.insert(result.errors.end(), ignored.errors.begin(), ignored.errors.end());
    }
  }
}

bool lets_nobody_in(const Config& config) {
  return config.users.empty() && config.static_auth_secrets.empty() && config.userdb_path.empty() &&
         !config.no_auth && !config.stun_only;
}

// Without a word about credentials the database that `turnpike user` writes is meant and, where a
// file of coturn's is served as it is, the one that coturn would have opened.
void choose_database(const Environment& environment, LoadResult& result) {
  constexpr std::array<const char*, 3> kOfCoturn = {"/var/lib/turn/turndb", "/var/db/turndb",
                                                    "/usr/local/var/db/turndb"};
  if (!lets_nobody_in(result.config)) return;
  std::vector<std::string> candidates = {environment.own_database};
  if (!result.file.empty() && result.file != kDefaultFile) {
    candidates.insert(candidates.end(), kOfCoturn.begin(), kOfCoturn.end());
  }
  for (const std::string& path : candidates) {
    if (path.empty() || !environment.file_exists(path)) continue;
    result.config.userdb_path = path;
    result.infos.push_back(problem_at(
        {}, "no users are configured, so those in the database '" + path + "' are used"));
    return;
  }
  // The database that is to hold the first user need not exist yet.
  if (!result.config.first_user.empty()) result.config.userdb_path = environment.own_database;
}

}  // namespace

LoadResult load(std::span<const std::string> arguments, const Environment& environment) {
  LoadResult result;
  EnvironmentSettings variables = read_environment(environment);
  std::vector<Setting> command_line = parse_command_line(arguments, result.errors);
  Where where;
  split_settings(variables.settings, where, result);
  split_settings(command_line, where, result);
  if (result.request != Request::run) return result;
  std::vector<Setting> file = read_configuration_file(where, environment, result);

  result.errors.insert(result.errors.end(), variables.errors.begin(), variables.errors.end());
  result.warnings = variables.warnings;
  apply_all(std::array<const Source*, 3>{&file, &variables.settings, &command_line}, result);
  if (result.errors.size() >= kMostErrors) {
    result.errors.push_back(problem_at({}, "there are too many errors to go on"));
    return result;
  }
  choose_database(environment, result);
  validate(result);
  return result;
}

std::string report_text(const LoadResult& result) {
  std::string text;
  const auto add = [&text](const char* kind, const std::vector<Problem>& problems) {
    for (const Problem& problem : problems) text += kind + problem.to_string() + "\n";
  };
  add("info: ", result.infos);
  add("warning: ", result.warnings);
  add("error: ", result.errors);
  return text;
}

Place place_of(const AppliedValues& applied, std::string_view option) {
  const auto found = applied.find(option);
  return found == applied.end() ? Place{} : found->second.back().place;
}

bool is_file_of_coturn(std::string_view path) {
  return path.substr(path.rfind('/') + 1) == "turnserver.conf";
}

}  // namespace turnpike::config
