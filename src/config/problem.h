// What is wrong, or worth saying, about a configuration, and where it stands.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace turnpike::config {

// Where a setting was made.
struct Place {
  std::string source = {};  // A file's path, "command line", an environment variable; or nowhere.
  size_t line = 0;          // From 1; 0 where the source has no lines.

  friend bool operator==(const Place&, const Place&) = default;
};

// Never holds a password or a secret.
struct Problem {
  std::string source = {};
  size_t line = 0;
  std::string message = {};
  std::string suggestion = {};  // The option that was probably meant; empty: none is near.

  // "turnserver.conf:12: message (did you mean 'x'?)"
  [[nodiscard]] std::string to_string() const;
};

Problem problem_at(const Place& place, std::string message);

// `text` fit for a terminal: bounded, and control characters replaced.
std::string printable(std::string_view text);

}  // namespace turnpike::config
