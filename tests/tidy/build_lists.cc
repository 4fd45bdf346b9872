// Rules about CMakeLists.txt files.
#include <algorithm>

#include "tidy/rules.h"
#include "tidy/source_text.h"

namespace turnpike::tidy {
namespace {

std::string without_comments(std::string_view cmake_text) {
  std::string text(cmake_text);
  for (size_t at = text.find('#'); at != kNone; at = text.find('#', at)) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::fill(text.begin() + static_cast<ptrdiff_t>(at), text.begin() + static_cast<ptrdiff_t>(end),
              ' ');
  }
  return text;
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<std::string_view> words;
  for (size_t at = text.find_first_not_of(kSpace); at != kNone;
       at = text.find_first_not_of(kSpace, at)) {
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// The library's name is the folder's with an underscore for the slash.
std::string folder_of(std::string_view name) {
  return name == "auth_store" ? "auth/store" : std::string(name);
}

}  // namespace

bool is_listed(std::string_view file_name, std::string_view cmake_text) {
  const std::string text = without_comments(cmake_text);
  constexpr std::string_view kBorders = " \t\r\n()\"";
  for (size_t at = text.find(file_name); at != kNone; at = text.find(file_name, at + 1)) {
    const size_t end = at + file_name.size();
    const bool begins = at == 0 || kBorders.find(text[at - 1]) != kNone;
    const bool ends = end == text.size() || kBorders.find(text[end]) != kNone;
    if (begins && ends) return true;
  }
  return false;
}

Findings check_module_deps(std::string_view cmake_text) {
  Findings findings;
  const std::string text = without_comments(cmake_text);
  constexpr std::string_view kCall = "add_module(";
  for (size_t at = text.find(kCall); at != kNone; at = text.find(kCall, at + 1)) {
    const size_t begin = at + kCall.size();
    const auto words =
        words_of(std::string_view(text).substr(begin, text.find(')', begin) - begin));
    if (words.empty()) continue;
    const std::string module = folder_of(words.front());
    bool in_deps = false;
    for (const std::string_view word : words) {
      if (word == "SOURCES" || word == "DEPS" || word == "LIBS") {
        in_deps = word == "DEPS";
      } else if (in_deps && !module_may_use(module, folder_of(word))) {
        findings.push_back({line_of(text, at), module + " may not depend on " + std::string(word)});
      }
    }
  }
  return findings;
}

}  // namespace turnpike::tidy
