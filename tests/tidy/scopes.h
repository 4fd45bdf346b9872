// Which declarations are members of a class, how long functions are, and what anonymous namespaces
// define: read from the braces, which is enough for code that clang-format has laid out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace turnpike::tidy {

struct Member {
  std::string class_name;
  std::string declaration;  // Without the semicolon and what stands in braces.
  size_t line;
};

struct Function {
  std::string head;
  size_t line;
  size_t lines;  // From the head's last line to the closing brace.
};

// Defined in an anonymous namespace: a type, a function, a variable or an alias.
struct HiddenName {
  std::string name;
  size_t line;
};

struct Scopes {
  std::vector<Member> members;
  std::vector<Function> functions;
  std::vector<HiddenName> hidden;
};

// `text` is a whole source file.
Scopes read_scopes(std::string_view text);

}  // namespace turnpike::tidy
