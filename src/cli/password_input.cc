#include "cli/password_input.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <unistd.h>

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

// Longer than any password; a file redirected by mistake ends here.
constexpr size_t kMaxLineSize = 4096;

}  // namespace

void add_password_options(po::options_description& options, const std::string& what,
                          Generation generation) {
  const std::string in_options = "the " + what + "; other users of this machine may see it";
  const std::string on_stdin = "read the " + what + " from standard input, one line (preferred)";
  options.add_options()(what == "password" ? "password,p" : what.c_str(), po::value<std::string>(),
                        in_options.c_str());
  options.add_options()((what + "-stdin").c_str(), on_stdin.c_str());
  if (generation == Generation::offered) {
    options.add_options()("generate", ("make up a " + what + " and print it").c_str());
  }
}

Result<PasswordInput, std::string> take_password(const ParsedOptions& options,
                                                 const std::string& what) {
  const bool on_stdin = options.has(what + "-stdin");
  const bool generate = options.has("generate");
  const int given = (options.has(what) ? 1 : 0) + (on_stdin ? 1 : 0) + (generate ? 1 : 0);
  if (given != 1) {
    return unexpected("give the " + what + " by exactly one of the options for it; see --help");
  }
  if (generate) {
    RandomSource random;
    return PasswordInput{.text = generate_password(random), .generated = true};
  }
  PasswordInput input;
  if (on_stdin) {
    auto line = read_password_line(STDIN_FILENO);
    if (!line) return unexpected(line.error());
    input.text = std::move(*line);
  } else {
    input.text = options.text(what);
  }
  if (auto problem = problem_with(input.text, what, kMaxLineSize)) return unexpected(*problem);
  return input;
}

Result<std::string, std::string> read_password_line(int file) {
  std::string line;
  std::array<char, 512> chunk;
  while (line.size() <= kMaxLineSize) {
    const ssize_t size = read(file, chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return unexpected(std::generic_category().message(errno));
    line.append(chunk.data(), static_cast<size_t>(size));
    const size_t end = line.find('\n');
    if (end == std::string::npos && size > 0) continue;
    if (end != std::string::npos) line.resize(end);
    // A file made on Windows.
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) return unexpected(std::string("standard input has an empty line or none"));
    return line;
  }
  return unexpected(std::string("the line on standard input is too long"));
}

std::string generate_password(RandomSource& random) {
  constexpr std::string_view kLetters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  constexpr size_t kLength = 24;
  std::string password;
  for (size_t i = 0; i < kLength; ++i) password += kLetters[random.below(kLetters.size())];
  return password;
}

std::optional<std::string> problem_with(std::string_view text, std::string_view what,
                                        size_t max_size) {
  if (text.empty()) return "the " + std::string(what) + " is empty";
  if (text.size() > max_size) {
    return "the " + std::string(what) + " has more than " + std::to_string(max_size) + " bytes";
  }
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      return "the " + std::string(what) + " has a control character in it";
    }
  }
  return {};
}

}  // namespace turnpike::cli
