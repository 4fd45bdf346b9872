#include "config/in_force.h"

#include "config/apply.h"
#include "config/option.h"
#include "config/option_values.h"

namespace turnpike::config {
namespace {

std::string shown_value(const Option& option, const AppliedValue& value) {
  if (option.argument == Argument::flag)
    return parse_switch(value.text).value_or(true) ? "on" : "off";
  if (value.text.empty()) return std::string(option.default_text);
  switch (option.secrecy) {
    case Secrecy::open:
      return value.text;
    case Secrecy::secret:
      return std::string(kMask);
    case Secrecy::name_then_secret:
      return value.text.substr(0, value.text.find(':') + 1) + std::string(kMask);
  }
  return std::string(kMask);
}

std::string place_text(const Place& place) {
  if (place.line == 0) return place.source;
  return place.source + ":" + std::to_string(place.line);
}

OptionInForce in_force(const Option& option, const AppliedValues& applied) {
  OptionInForce entry;
  entry.name = option.name;
  entry.is_list = option.repeat != Repeat::last_wins;
  const auto found = applied.find(option.name);
  if (found == applied.end() || found->second.empty()) {
    entry.source = "default";
    if (!option.default_text.empty()) entry.values.emplace_back(option.default_text);
    return entry;
  }
  const std::vector<AppliedValue>& values = found->second;
  entry.source = place_text(values.back().place);
  if (!entry.is_list) {
    entry.values.push_back(shown_value(option, values.back()));
    return entry;
  }
  for (const AppliedValue& value : values) entry.values.push_back(shown_value(option, value));
  return entry;
}

}  // namespace

std::vector<OptionInForce> options_in_force(const AppliedValues& applied) {
  std::vector<OptionInForce> all;
  for (const OptionGroup& group : option_groups()) {
    for (const Option& option : group.options) {
      if (option.support != Support::supported || !option.alias_of.empty()) continue;
      all.push_back(in_force(option, applied));
    }
  }
  return all;
}

}  // namespace turnpike::config
