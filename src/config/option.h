// One table says everything about the options: names, values, documentation, and what becomes of
// those of coturn that are not ours. Parser, help text, etc/turnpike.conf and etc/README.md are all
// made from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"

namespace turnpike::config {

enum class Argument : uint8_t {
  flag,      // Bare, or with on/off, yes/no, 1/0, true/false; the value counts.
  required,  // NAME=VALUE.
  optional,  // Bare means the default.
};

enum class Repeat : uint8_t {
  last_wins,
  latest_source,  // Every value counts of the last source (file, environment, line) that has any.
  append,         // Every value counts, from every source.
};

enum class Secrecy : uint8_t {
  open,
  secret,            // The value is never printed.
  name_then_secret,  // "name:secret": the name may be printed.
};

enum class Support : uint8_t {
  supported,     // `apply` stores it.
  already_so,    // On is what we do anyway: one info line. Off cannot be had and is an error.
  harmless,      // Tunes something that we do not have or do by ourselves: one info line.
  refused,       // Its effect would be missing: an error with the reason. Off is what we do anyway.
  command_line,  // Says where to look rather than what to do: not for files.
};

// Stores a value, or says what it must be ("must be ipv4, ipv6 or keep"), never what it is.
using Complaint = std::optional<std::string>;
using Apply = Complaint (*)(Config&, std::string_view value);

// The same value as it is printed, where it can be written in several ways.
using Canonical = std::string (*)(std::string_view value);

// What a row is for, besides being an option.
enum class Origin : uint8_t {
  coturn,  // A name that coturn has or had.
  ours,
};

struct Option {
  std::string_view name = {};
  char letter = 0;  // 0: no short form.
  Argument argument = Argument::required;
  Repeat repeat = Repeat::last_wins;
  Secrecy secrecy = Secrecy::open;
  Origin origin = Origin::coturn;
  std::string_view placeholder = {};   // "PORT"; empty for flags.
  std::string_view default_text = {};  // As it would be written; empty: none.
  std::string_view help =
      {};  // A sentence. Of already_so, harmless and refused: why, and what else.
  // Another name of that option, which documents and stores it. A flag stands for `alias_value`.
  std::string_view alias_of = {};
  std::string_view alias_value = {};
  Support support = Support::supported;
  Apply apply = nullptr;        // Set if, and only if, supported and no alias.
  Canonical printed = nullptr;  // nullptr: as it was written.
};

struct OptionGroup {
  std::string_view title;
  std::span<const Option> options;
};

// In the order of the documentation. Valid for ever.
std::span<const OptionGroup> option_groups();

// By long name, case-sensitive as in coturn. nullptr: there is none.
const Option* find_option(std::string_view name);
const Option* find_option_by_letter(char letter);

// What is documented and recorded under: the option that `option` is another name of, or itself.
const Option& canonical(const Option& option);

// The name that `wrong` was probably meant to be; empty when none is near.
std::string_view nearest_option(std::string_view wrong);

}  // namespace turnpike::config
