#include "config/environment.h"

#include <algorithm>
#include <optional>

#include "config/option.h"

namespace turnpike::config {
namespace {

constexpr std::string_view kPrefix = "TURNPIKE_";
constexpr std::string_view kFileSuffix = "_FILE";

std::string variable_name(std::string_view option) {
  std::string name(kPrefix);
  for (const char c : option) {
    name += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

const Option* find_by_variable(std::string_view variable) {
  for (const OptionGroup& group : option_groups()) {
    for (const Option& option : group.options) {
      if (variable_name(option.name) == variable) return &option;
    }
  }
  return nullptr;
}

// Kubernetes gives every container variables about the services beside it, and ours may well be
// called "turnpike".
bool is_from_kubernetes(std::string_view variable) {
  const std::string_view rest = variable.substr(kPrefix.size());
  return rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_");
}

void add_values(const Option& option, const std::string& text, const Place& place,
                std::vector<Setting>& settings) {
  if (option.repeat == Repeat::last_wins) {
    settings.push_back({std::string(option.name), text, place});
    return;
  }
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) settings.push_back({std::string(option.name), std::string(line), place});
    begin = end + 1;
  }
}

// Editors end a file with a newline that is no part of the secret.
std::string without_last_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

void read_value_file(const Environment& environment, const Option& option, const std::string& path,
                     const Place& place, EnvironmentSettings& out) {
  auto content = environment.read_file(path);
  if (!content) {
    out.errors.push_back(problem_at(place, "'" + path + "' cannot be read: " + content.error()));
    return;
  }
  const std::string value = without_last_newline(*std::move(content));
  const bool one_line_only = option.repeat == Repeat::last_wins;
  if (value.empty() || value.find('\0') != std::string::npos ||
      (one_line_only && value.find('\n') != std::string::npos)) {
    out.errors.push_back(problem_at(place, "'" + path + "' does not hold one line of text"));
    return;
  }
  add_values(option, value, place, out.settings);
}

std::string option_spelling(std::string_view variable) {
  std::string name(variable.substr(kPrefix.size()));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

void read_variable(const Environment& environment, const std::string& name,
                   const std::string& value, EnvironmentSettings& out) {
  const Place place{name, 0};
  if (const Option* option = find_by_variable(name); option != nullptr) {
    add_values(*option, value, place, out.settings);
    return;
  }
  if (std::string_view(name).ends_with(kFileSuffix)) {
    const std::string_view stem =
        std::string_view(name).substr(0, name.size() - kFileSuffix.size());
    if (const Option* option = find_by_variable(stem); option != nullptr) {
      read_value_file(environment, *option, value, place, out);
      return;
    }
  }
  Problem problem = problem_at(place, "no option belongs to this environment variable");
  const std::string_view near = nearest_option(option_spelling(name));
  if (!near.empty()) problem.suggestion = variable_name(near);
  out.warnings.push_back(std::move(problem));
}

}  // namespace

EnvironmentSettings read_environment(const Environment& environment) {
  EnvironmentSettings out;
  for (const auto& [name, value] : environment.variables) {
    // Compose files and charts pass on variables that nobody set as empty ones.
    if (value.empty() || !name.starts_with(kPrefix) || is_from_kubernetes(name)) continue;
    read_variable(environment, name, value, out);
  }
  return out;
}

}  // namespace turnpike::config
