// What load() may ask of the world: environment variables and files. Tests give their own.
//
// TURNPIKE_<OPTION> is the option in capitals with "_" for "-"; TURNPIKE_<OPTION>_FILE names a file
// that holds the value, for secrets. Options that may be repeated take one value a line.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/problem.h"
#include "config/setting.h"

namespace turnpike::config {

constexpr std::string_view kDefaultFile = "/etc/turnpike/turnpike.conf";

struct Environment {
  std::map<std::string, std::string> variables;  // Those that begin with TURNPIKE_.
  // The whole content, or the reason in words.
  std::function<Result<std::string, std::string>(const std::string& path)> read_file;
  std::function<bool(const std::string& path)> file_exists;
  std::string own_database;  // Where `turnpike user` writes unless told otherwise; may be empty.
};

// The real one.
Environment system_environment();

struct EnvironmentSettings {
  std::vector<Setting> settings;
  std::vector<Problem> errors;
  std::vector<Problem> warnings;  // Variables that name no option.
};

EnvironmentSettings read_environment(const Environment& environment);

}  // namespace turnpike::config
