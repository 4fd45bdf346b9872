#include "config/documents.h"

#include <algorithm>

#include "config/apply.h"
#include "config/option.h"
#include "config/option_values.h"

namespace turnpike::config {
namespace {

// Groups that document options of ours, in files or on the command line.
bool is_documented(const Option& option) {
  return option.support == Support::supported || option.support == Support::command_line;
}

bool is_setting(const Option& option) {
  return option.support == Support::supported && option.alias_of.empty();
}

template <typename Predicate>
bool has_any(const OptionGroup& group, Predicate matches) {
  return std::any_of(group.options.begin(), group.options.end(), matches);
}

// Lines of at most `width` characters, each behind `indent`.
std::string wrapped(std::string_view text, std::string_view indent, size_t width) {
  std::string result;
  std::string line(indent);
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() > indent.size()) {
      if (line.size() + 1 + word.size() > width) {
        result += line + "\n";
        line = indent;
      } else {
        line += ' ';
      }
    }
    line += word;
  }
  return result + line + "\n";
}

std::string usage_of(const Option& option) {
  std::string text = option.letter != 0 ? std::string("-") + option.letter + ", " : std::string();
  text += "--" + std::string(option.name);
  switch (option.argument) {
    case Argument::flag:
      return text;
    case Argument::required:
      return text + " " + std::string(option.placeholder);
    case Argument::optional:
      return text + "[=" + std::string(option.placeholder) + "]";
  }
  return text;
}

std::string help_with_default(const Option& option) {
  std::string text(option.help);
  if (!option.default_text.empty()) text += " Default: " + std::string(option.default_text) + ".";
  return text;
}

std::string masked(const Option& option, std::string_view value) {
  switch (option.secrecy) {
    case Secrecy::open:
      return std::string(value);
    case Secrecy::secret:
      return std::string(kMask);
    case Secrecy::name_then_secret:
      return std::string(value.substr(0, value.find(':') + 1)) + std::string(kMask);
  }
  return std::string(kMask);
}

// As the file parser reads it back.
std::string in_file_form(const std::string& value) {
  const bool needs_quotes = value.starts_with('"') || value.starts_with('#') ||
                            value.starts_with(' ') || value.ends_with(' ') ||
                            value.find(" #") != std::string::npos ||
                            value.find("\t#") != std::string::npos;
  return needs_quotes ? "\"" + value + "\"" : value;
}

// A value as it counts; the same flag may have been written in many ways, or under another name.
std::string setting_line(const Option& option, const AppliedValue& value) {
  const std::string name(option.name);
  if (option.argument == Argument::flag) {
    return name + "=" + (*parse_switch(value.text) ? "on" : "off") + "\n";
  }
  if (value.text.empty()) return name + "=" + std::string(option.default_text) + "\n";
  if (option.printed != nullptr) return name + "=" + option.printed(value.text) + "\n";
  return name + "=" + in_file_form(masked(option, value.text)) + "\n";
}

std::string setting_lines(const Option& option, const AppliedValues& applied) {
  const auto found = applied.find(option.name);
  if (found == applied.end()) {
    const std::string_view value =
        option.default_text.empty() ? option.placeholder : option.default_text;
    return "# " + std::string(option.name) + "=" + std::string(value) + "\n";
  }
  if (option.repeat == Repeat::last_wins) return setting_line(option, found->second.back());
  std::string text;
  for (const AppliedValue& value : found->second) text += setting_line(option, value);
  return text;
}

constexpr std::string_view kFileHead =
    "# Configuration of Turnpike: every option with its default. Uncomment what you change.\n"
    "# One option a line: name=value, name value, or the name alone for a switch. A \"#\" behind\n"
    "# white space begins a comment; put a value that needs one in double quotes.\n"
    "# `turnpike check -c FILE` says what is wrong with a file; etc/README.md tells more, also of\n"
    "# the options of coturn that are not here. Written by `turnpike check --print`.\n";

}  // namespace

std::string help_text() {
  std::string text =
      "Options, on the command line and (without dashes, as name=value) in the configuration\n"
      "file. Switches take =on or =off. Environment variables TURNPIKE_<OPTION>, with _ for -, "
      "and\n"
      "TURNPIKE_<OPTION>_FILE, which names a file holding the value, come between file and "
      "command\n"
      "line, each over the one before; users and peer rules are gathered from all three.\n";
  for (const OptionGroup& group : option_groups()) {
    if (!has_any(group, is_documented)) continue;
    text += "\n" + std::string(group.title) + ":\n";
    for (const Option& option : group.options) {
      if (!is_documented(option)) continue;
      text += "  " + usage_of(option) + "\n";
      text += wrapped(help_with_default(option), "        ", 100);
    }
  }
  text +=
      "\nThe other options of coturn are accepted without effect where they ask for what is so\n"
      "anyway, and refused with the reason where their effect would be missing: etc/README.md has\n"
      "the list.\n";
  return text;
}

std::string configuration_text(const AppliedValues& applied) {
  std::string text(kFileHead);
  for (const OptionGroup& group : option_groups()) {
    if (!has_any(group, is_setting)) continue;
    text += "\n\n# " + std::string(group.title) + "\n";
    for (const Option& option : group.options) {
      if (!is_setting(option)) continue;
      text += "\n" + wrapped(option.help, "# ", 100);
      text += setting_lines(option, applied);
    }
  }
  return text;
}

}  // namespace turnpike::config
