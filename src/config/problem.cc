#include "config/problem.h"

namespace turnpike::config {

std::string Problem::to_string() const {
  std::string text = source;
  if (line > 0) text += ":" + std::to_string(line);
  if (!text.empty()) text += ": ";
  text += message;
  if (!suggestion.empty()) text += " (did you mean '" + suggestion + "'?)";
  return text;
}

Problem problem_at(const Place& place, std::string message) {
  return {place.source, place.line, std::move(message), {}};
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 64;
  std::string result(text.substr(0, kLongest));
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() > kLongest) result += "...";
  return result;
}

}  // namespace turnpike::config
