#include "config/file_parser.h"

#include <algorithm>
#include <utility>

#include "base/result.h"

namespace turnpike::config {
namespace {

using Refusal = unexpected<const char*>;

constexpr std::string_view kBlank = " \t\v\f";

std::string_view trim_left(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text;
}

std::string_view trim_right(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

// `text` up to a "#" behind white space.
std::string_view without_comment(std::string_view text) {
  for (size_t at = text.find('#'); at != std::string_view::npos; at = text.find('#', at + 1)) {
    if (at > 0 && kBlank.find(text[at - 1]) != std::string_view::npos) return text.substr(0, at);
  }
  return text;
}

Result<std::string, const char*> parse_quoted(std::string_view text) {
  text.remove_prefix(1);
  const size_t end = text.find('"');
  if (end == std::string_view::npos) return Refusal("the quotation mark is not closed");
  if (!trim_right(without_comment(text.substr(end + 1))).empty()) {
    return Refusal("there is text after the closing quotation mark");
  }
  return std::string(text.substr(0, end));
}

// `text` begins right behind the name.
Result<std::optional<std::string>, const char*> parse_value(std::string_view text) {
  const std::string_view after_blank = trim_left(text);
  const bool has_equals = after_blank.starts_with('=');
  if (!has_equals) {
    if (trim_right(without_comment(text)).empty()) return std::optional<std::string>();
    text = after_blank;
  } else {
    text = after_blank.substr(1);
  }
  const std::string_view value = trim_left(text);
  if (value.starts_with('"')) {
    auto quoted = parse_quoted(value);
    if (!quoted) return Refusal(quoted.error());
    return std::optional(*std::move(quoted));
  }
  // The comment is looked for before trimming: "name= # text" has no value.
  return std::optional(std::string(trim_right(trim_left(without_comment(text)))));
}

Result<Setting, const char*> parse_line(std::string_view line, Place place) {
  if (line.size() > kMaxLineSize) return Refusal("the line is longer than 16 KiB");
  if (line.find('\0') != std::string_view::npos) return Refusal("the line holds a NUL byte");
  const size_t name_end = std::min(line.find_first_of(" \t\v\f="), line.size());
  if (name_end == 0) return Refusal("the line has no option name before its '='");
  auto value = parse_value(line.substr(name_end));
  if (!value) return Refusal(value.error());
  return Setting{std::string(line.substr(0, name_end)), *std::move(value), std::move(place)};
}

}  // namespace

std::vector<Setting> parse_file(std::string_view text, const std::string& source,
                                std::vector<Problem>& errors) {
  std::vector<Setting> settings;
  if (text.size() > kMaxFileSize) {
    errors.push_back(problem_at({source, 0}, "the file is larger than 4 MiB"));
    return settings;
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // Windows editors' UTF-8 mark.
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim_left(line);
    if (line.empty() || line.front() == '#') continue;
    auto setting = parse_line(line, {source, number});
    if (setting) {
      settings.push_back(*std::move(setting));
    } else {
      errors.push_back(problem_at({source, number}, setting.error()));
    }
  }
  return settings;
}

}  // namespace turnpike::config
