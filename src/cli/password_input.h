// How a command is given a password or a shared secret: as an option, on standard input, or made
// up here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "cli/option_parser.h"

namespace turnpike::cli {

// The options --<what>, --<what>-stdin and, if asked for, --generate.
enum class Generation : uint8_t { offered, not_offered };
void add_password_options(boost::program_options::options_description& options,
                          const std::string& what, Generation generation);

struct PasswordInput {
  std::string text;
  bool generated = false;  // Then it is to be printed: nobody knows it yet.
};

// Exactly one of the options must be there. The error is a message for the user.
Result<PasswordInput, std::string> take_password(const ParsedOptions& options,
                                                 const std::string& what);

// One line without its end; a message when there is none or when it can't be a password.
Result<std::string, std::string> read_password_line(int file);

// 24 letters and digits that can't be mistaken for each other: 137 bits.
std::string generate_password(RandomSource& random);

// What neither a name, a realm, a password nor a secret may hold; nothing when all is well.
std::optional<std::string> problem_with(std::string_view text, std::string_view what,
                                        size_t max_size);

}  // namespace turnpike::cli
