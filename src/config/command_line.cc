#include "config/command_line.h"

#include <algorithm>

#include <boost/program_options.hpp>

#include "config/option.h"

namespace turnpike::config {
namespace {

namespace po = boost::program_options;

const Place kCommandLine{"command line", 0};

// A bare flag must be told apart from one with an empty value; no argument can hold a NUL.
const std::string kBare(1, '\0');

po::options_description describe_options() {
  po::options_description description;
  for (const OptionGroup& group : option_groups()) {
    for (const Option& option : group.options) {
      const std::string name(option.name);
      const bool needs_value = option.argument == Argument::required;
      auto* value = po::value<std::string>();
      if (!needs_value) value->implicit_value(kBare);
      description.add_options()(name.c_str(), value, "");
      if (option.letter == 0) continue;
      // As a letter a flag takes no value, so that letters can be written together.
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

// As it was written: Boost calls "-m" "--m".
std::string spelling_of(std::string option) {
  const bool is_letter = option.size() == 3 && option.starts_with("--");
  return is_letter ? option.substr(1) : option;
}

// Whether `argument` is where `option` was written: "--name", "--name=...", "-x" or "-yx".
bool spells(const std::string& argument, const std::string& option) {
  if (argument == option || argument.starts_with(option + "=")) return true;
  const bool is_letter = option.size() == 2;
  return is_letter && argument.size() > 2 && argument.front() == '-' && argument[1] != '-' &&
         argument.back() == option.back();
}

// Removes the argument that spells `option` wrongly, so that the rest can be looked at. Of several
// spelled alike it is the one with nothing usable behind it.
bool remove_culprit(std::vector<std::string>& arguments, const std::string& option) {
  auto culprit = arguments.end();
  for (auto it = arguments.begin(); it != arguments.end(); ++it) {
    if (!spells(*it, option)) continue;
    culprit = it;
    const bool lacks_value =
        it->ends_with('=') || it + 1 == arguments.end() || (it + 1)->starts_with('-');
    if (lacks_value) break;
  }
  if (culprit == arguments.end()) return false;
  arguments.erase(culprit);
  return true;
}

// Boost stops at the first error, and we want to name all of them.
std::vector<po::option> parse_all(std::vector<std::string> arguments,
                                  const po::options_description& description,
                                  std::vector<Problem>& errors) {
  constexpr int kStyle = po::command_line_style::unix_style &
                         ~static_cast<int>(po::command_line_style::allow_guessing);
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
      const std::string option = spelling_of(error.get_option_name());
      errors.push_back(problem_at(
          kCommandLine, "option '" + printable(option) + "' lacks its value or has one too many"));
      if (!remove_culprit(arguments, option)) return {};
    } catch (const po::error&) {
      errors.push_back(problem_at(kCommandLine, "the arguments cannot be understood"));
      return {};
    }
  }
}

void add_unknown(const po::option& parsed, std::vector<Problem>& errors) {
  const std::string& name = parsed.string_key;
  Problem problem = problem_at(kCommandLine, "unknown option '" + printable(name) + "'");
  problem.suggestion = nearest_option(name);
  errors.push_back(std::move(problem));
}

Setting to_setting(const po::option& parsed) {
  const std::string& key = parsed.string_key;
  const Option* option =
      key.size() == 2 && key.front() == '-' ? find_option_by_letter(key.back()) : find_option(key);
  Setting setting{option != nullptr ? std::string(option->name) : key, {}, kCommandLine};
  if (!parsed.value.empty() && parsed.value.front() != kBare) setting.value = parsed.value.front();
  return setting;
}

}  // namespace

std::vector<Setting> parse_command_line(std::span<const std::string> arguments,
                                        std::vector<Problem>& errors) {
  static const po::options_description kDescription = describe_options();
  std::vector<Setting> settings;
  bool after_unknown = false;
  for (const po::option& parsed :
       parse_all({arguments.begin(), arguments.end()}, kDescription, errors)) {
    if (parsed.position_key >= 0 || parsed.string_key.empty()) {
      // It may be a password that lost its option, so it is not repeated here. Behind an unknown
      // option it is most likely that one's value.
      if (!after_unknown) {
        errors.push_back(problem_at(kCommandLine, "an argument belongs to no option"));
      }
      after_unknown = false;
      continue;
    }
    after_unknown = parsed.unregistered;
    if (parsed.unregistered) {
      add_unknown(parsed, errors);
    } else {
      settings.push_back(to_setting(parsed));
    }
  }
  return settings;
}

}  // namespace turnpike::config
