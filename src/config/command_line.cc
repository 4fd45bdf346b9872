#include "config/command_line.h"

#include <algorithm>

#include <boost/program_options.hpp>

#include "config/option.h"

namespace turnpike::config {
namespace {

namespace po = boost::program_options;

const Place kTyped{"command line", 0};

// The value of a switch that stands alone; no argument can hold a NUL.
const std::string kBare(1, '\0');

po::options_description describe_options() {
  po::options_description description;
  for (const OptionGroup& group : option_groups()) {
    for (const Option& option : group.options) {
      const std::string name(option.name);
      const bool needs_value = option.argument == Argument::required;
      description.add_options()(name.c_str(), po::value<std::string>(), "");
      if (option.letter == 0) continue;
      // As a letter a switch takes no value, so that letters can be written together.
      const std::string letter = std::string(",") + option.letter;
      if (needs_value) {
        description.add_options()(letter.c_str(), po::value<std::string>(), "");
      } else {
        description.add_options()(letter.c_str(), "");
      }
    }
  }
  return description;
}

// Whether `argument` wants the next one as its value: "--name" or "-xyz", of an option that needs
// one.
bool wants_next(std::string_view argument) {
  if (argument.starts_with("--")) {
    const Option* option = find_option(argument.substr(2));
    return option != nullptr && option->argument == Argument::required;
  }
  if (argument.size() < 2 || argument.front() != '-') return false;
  for (size_t i = 1; i < argument.size(); ++i) {
    const Option* option = find_option_by_letter(argument[i]);
    if (option == nullptr) return false;
    // What stands behind such a letter is its value already.
    if (option->argument == Argument::required) return i + 1 == argument.size();
  }
  return false;
}

// "--name" of a switch.
bool stands_alone(std::string_view argument) {
  if (!argument.starts_with("--")) return false;
  const Option* option = find_option(argument.substr(2));
  return option != nullptr && option->argument != Argument::required;
}

// Joins options and values into one argument each. Boost would do so too, but takes a known option
// for a value, or a word behind a switch, depending on its version.
std::vector<std::string> join_values(std::span<const std::string> arguments,
                                     std::vector<Problem>& errors) {
  std::vector<std::string> joined;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!wants_next(argument)) {
      joined.push_back(argument);
      if (stands_alone(argument)) joined.back().append("=").append(kBare);
      continue;
    }
    const bool has_value =
        i + 1 < arguments.size() && (arguments[i + 1] == "-" || !arguments[i + 1].starts_with('-'));
    if (!has_value) {
      errors.push_back(problem_at(kTyped, "option '" + printable(argument) +
                                              "' lacks its value (one that begins with '-' "
                                              "is written --name=value)"));
      continue;
    }
    ++i;
    std::string& both = joined.emplace_back(argument);
    if (argument.starts_with("--")) both += '=';
    both += arguments[i];
  }
  return joined;
}

// Removes the argument that spells `option`, so that the rest can be looked at.
bool remove_culprit(std::vector<std::string>& arguments, const std::string& option) {
  const auto culprit =
      std::find_if(arguments.begin(), arguments.end(), [&option](const std::string& argument) {
        return argument == option || argument == option + "=";
      });
  if (culprit == arguments.end()) return false;
  arguments.erase(culprit);
  return true;
}

// Boost stops at the first error, and we want to name all of them.
std::vector<po::option> parse_all(std::vector<std::string> arguments,
                                  const po::options_description& description,
                                  std::vector<Problem>& errors) {
  constexpr int kStyle =
      po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
      po::command_line_style::allow_short | po::command_line_style::allow_dash_for_short |
      po::command_line_style::short_allow_adjacent | po::command_line_style::allow_sticky;
  for (;;) {
    try {
      return po::command_line_parser(arguments)
          .options(description)
          .style(kStyle)
          .allow_unregistered()
          .run()
          .options;
    } catch (const po::error_with_option_name& error) {
      // what() may quote the value, so we say it in our own words.
      const std::string option = error.get_option_name();
      errors.push_back(problem_at(
          kTyped,
          "option '" + printable(option) + "' has an empty value, or one that it does not take"));
      if (!remove_culprit(arguments, option)) return {};
    } catch (const po::error&) {
      errors.push_back(problem_at(kTyped, "the arguments cannot be understood"));
      return {};
    }
  }
}

void add_unknown_word(const po::option& parsed, std::vector<Problem>& errors) {
  const std::string& name = parsed.string_key;
  Problem problem = problem_at(kTyped, "unknown option '" + printable(name) + "'");
  problem.suggestion = nearest_option(name);
  errors.push_back(std::move(problem));
}

Setting to_setting(const po::option& parsed) {
  const std::string& key = parsed.string_key;
  const Option* option =
      key.size() == 2 && key.front() == '-' ? find_option_by_letter(key.back()) : find_option(key);
  Setting setting{option != nullptr ? std::string(option->name) : key, {}, kTyped};
  if (!parsed.value.empty() && parsed.value.front() != kBare) setting.value = parsed.value.front();
  return setting;
}

}  // namespace

std::vector<Setting> parse_command_line(std::span<const std::string> arguments,
                                        std::vector<Problem>& errors) {
  static const po::options_description description = describe_options();
  std::vector<Setting> settings;
  bool after_unknown = false;
  for (const po::option& parsed : parse_all(join_values(arguments, errors), description, errors)) {
    if (parsed.position_key >= 0 || parsed.string_key.empty()) {
      // It may be a password that lost its option, so it is not repeated here. Behind an unknown
      // option it is most likely that one's value.
      if (!after_unknown) {
        errors.push_back(problem_at(kTyped, "an argument belongs to no option"));
      }
      after_unknown = false;
      continue;
    }
    after_unknown = parsed.unregistered;
    if (parsed.unregistered) {
      add_unknown_word(parsed, errors);
    } else {
      settings.push_back(to_setting(parsed));
    }
  }
  return settings;
}

}  // namespace turnpike::config
