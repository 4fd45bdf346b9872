// The rules themselves: functions of a path and a text, so that each can be shown to fail.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace turnpike::tidy {

struct Finding {
  size_t line;
  std::string message;  // Says what to do instead.
};

using Findings = std::vector<Finding>;

// Everything below; `path` is relative to the root of the repository, with slashes.
Findings check_file(std::string_view path, std::string_view text);

// Which module may include which, and where third-party and system headers may stand.
Findings check_includes(std::string_view path, std::string_view text);

// Words that may not stand in code, with their replacement.
Findings check_words(std::string_view path, std::string_view text);

// Byte views as members, shared pointers to what can change, naked new and delete, the form of a
// header, left-over marks and paths of one machine.
Findings check_forms(std::string_view path, std::string_view text);

// Names that the anonymous namespaces of two .cc files of one module define: they compile for as
// long as the two fall into different batches. `tree` is paths and texts.
std::vector<std::string> check_hidden_names(const std::map<std::string, std::string>& tree);

// Whether a CMakeLists.txt of the same folder or of one above names the file.
bool is_listed(std::string_view file_name, std::string_view cmake_text);

// The DEPS of an add_module() against the table of modules.
Findings check_module_deps(std::string_view cmake_text);

// "src/auth/store/schema.h" is of "auth/store"; empty for what is of no module.
std::string_view module_of(std::string_view path);

bool module_may_use(std::string_view module, std::string_view other);

}  // namespace turnpike::tidy
