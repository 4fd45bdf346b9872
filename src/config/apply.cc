#include "config/apply.h"

#include "config/option.h"
#include "config/option_values.h"

namespace turnpike::config {
namespace {

std::string quoted(std::string_view name) {
  return "'" + std::string(name) + "'";
}

void add_unknown(const Setting& setting, LoadResult& result) {
  Problem problem = problem_at(setting.place, "unknown option '" + printable(setting.name) + "'");
  problem.suggestion = nearest_option(setting.name);
  result.errors.push_back(std::move(problem));
}

// What is wrong with the form of the value, whatever the option does.
Complaint malformed(const Option& option, const Setting& setting) {
  const bool is_empty = setting.value && setting.value->empty();
  if (option.argument == Argument::required && (!setting.value || is_empty)) {
    return "needs a value: " + std::string(option.name) + "=" + std::string(option.placeholder);
  }
  // A template whose variable was not set must not turn something on.
  if (is_empty) return "has an empty value; write the name alone for the default";
  if (option.argument == Argument::flag && !parse_switch(setting.value.value_or(""))) {
    return must_be_a_switch();
  }
  if (option.secrecy != Secrecy::open && setting.value->ends_with(kMask)) {
    return "has the mask of a printed configuration in place of its secret";
  }
  return {};
}

bool is_off(const Option& option, const Setting& setting) {
  return option.argument == Argument::flag && !*parse_switch(setting.value.value_or(""));
}

// What `setting` says in terms of the option that it is an alias of; nothing if it says nothing.
std::optional<std::string> value_for_target(const Option& alias, const Setting& setting) {
  if (alias.alias_of.empty() || alias.argument != Argument::flag) {
    return setting.value.value_or("");
  }
  if (!is_off(alias, setting)) return std::string(alias.alias_value);
  if (canonical(alias).argument != Argument::flag) return {};
  return *parse_switch(alias.alias_value) ? "off" : "on";
}

void store(const Option& option, const Setting& setting, LoadResult& result) {
  const Option& target = canonical(option);
  const std::optional<std::string> value = value_for_target(option, setting);
  const Config before = option.alias_of.empty() ? Config() : result.config;
  if (value) {
    if (const Complaint complaint = target.apply(result.config, *value)) {
      result.errors.push_back(
          problem_at(setting.place, "option " + quoted(option.name) + " " + *complaint));
      return;
    }
  }
  if (&target != &option && result.config == before) {
    result.infos.push_back(
        problem_at(setting.place, "option " + quoted(option.name) + " asks for what is so anyway"));
  }
  if (!value) return;
  result.applied[std::string(target.name)].push_back({*value, setting.place});
}

}  // namespace

void apply_setting(const Setting& setting, LoadResult& result) {
  const Option* option = find_option(setting.name);
  if (option == nullptr) return add_unknown(setting, result);
  const std::string subject = "option " + quoted(option->name);
  const std::string why(option->help);
  const auto say = [&setting](std::vector<Problem>& list, const std::string& text) {
    list.push_back(problem_at(setting.place, text));
  };
  if (const Complaint complaint = malformed(*option, setting)) {
    return say(result.errors, subject + " " + *complaint);
  }
  switch (option->support) {
    case Support::supported:
      return store(*option, setting, result);
    case Support::already_so:
      if (is_off(*option, setting)) return say(result.errors, subject + " cannot be off: " + why);
      return say(result.infos, subject + " asks for what is so anyway: " + why);
    case Support::harmless:
      return say(result.infos, subject + " has no effect: " + why);
    case Support::refused:
      if (is_off(*option, setting)) return say(result.infos, subject + " is off anyway: " + why);
      return say(result.errors, subject + " is refused: " + why);
    case Support::command_line:
      return say(result.errors, subject + " belongs on the command line");
  }
}

}  // namespace turnpike::config
