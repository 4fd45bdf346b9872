// A made-up environment for load(): variables and files that exist only here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/load.h"

namespace turnpike::config {

struct World {
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string> files;
  std::string own_database = "/data/turndb";

  [[nodiscard]] Environment environment() const {
    Environment result;
    result.variables = variables;
    result.own_database = own_database;
    result.read_file = [this](const std::string& path) -> Result<std::string, std::string> {
      const auto found = files.find(path);
      if (found == files.end()) return unexpected<std::string>("No such file or directory");
      return found->second;
    };
    result.file_exists = [this](const std::string& path) { return files.count(path) > 0; };
    return result;
  }

  [[nodiscard]] LoadResult load(const std::vector<std::string>& arguments) const {
    return config::load(arguments, environment());
  }
};

// A configuration file with a user in it, so that nothing but `text` can be wrong.
inline LoadResult load_text(const std::string& text) {
  World world;
  world.files["test.conf"] = text + "\nuser=somebody:with a password\n";
  return world.load({"-c", "test.conf"});
}

// The same on a command line.
inline LoadResult load_arguments(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "--user=somebody:with a password");
  return World().load(arguments);
}

inline std::string all_text(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.to_string() + "\n";
  return text;
}

}  // namespace turnpike::config
