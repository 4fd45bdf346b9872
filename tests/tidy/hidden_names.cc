// The rule about anonymous namespaces: it looks at all files of a module together.
#include <map>
#include <string>

#include "tidy/rules.h"
#include "tidy/scopes.h"

namespace turnpike::tidy {
namespace {

struct Place {
  std::string path;
  size_t line;
};

}  // namespace

std::vector<std::string> check_hidden_names(const std::map<std::string, std::string>& tree) {
  std::vector<std::string> findings;
  std::map<std::string, std::map<std::string, Place>> modules;  // Module, name.
  for (const auto& [path, text] : tree) {
    const std::string module(module_of(path));
    if (module.empty() || !path.ends_with(".cc")) continue;
    for (const HiddenName& hidden : read_scopes(text).hidden) {
      const auto [first, inserted] =
          modules[module].emplace(hidden.name, Place{.path = path, .line = hidden.line});
      if (inserted || first->second.path == path) continue;
      findings.push_back(path + ":" + std::to_string(hidden.line) + ": " + hidden.name +
                         " is defined in an anonymous namespace of " + first->second.path + ":" +
                         std::to_string(first->second.line) +
                         ", too, and the two may be compiled as one: rename it or share it");
    }
  }
  return findings;
}

}  // namespace turnpike::tidy
