// `turnpike health`: is the server of this host well? For health checks that call a program.
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/health_check.h"
#include "cli/option_parser.h"
#include "config/load.h"

namespace turnpike::cli {
namespace {

constexpr const char* kHealthCommand = "turnpike health";
constexpr milliseconds kPatience{3000};

constexpr const char* kHealthUsage =
    "usage: turnpike health [--like-process PID] [OPTION ...]\n"
    "\n"
    "Asks the server of this host one Binding and one Allocate request, without credentials and "
    "without a\ntrace. Reads file, environment and options as `turnpike serve` does, to know where "
    "to ask. Ends with 0\nwhen it answers, with 1 when it does not within three seconds.\n"
    "\n"
    "  --like-process PID\n"
    "        Takes the options of the command line of that process, a `turnpike serve`; in a\n"
    "        container it is process 1.\n";

using Words = std::vector<std::string>;

// The arguments behind `serve` of that process.
Result<Words, std::string> options_of_process(const std::string& text) {
  uint32_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid == 0) {
    return unexpected(std::string("--like-process takes a process id"));
  }
  std::ifstream file("/proc/" + text + "/cmdline", std::ios::binary);
  Words words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  if (words.size() < 2 || words[1] != "serve") {
    return unexpected("process " + text + " is no `turnpike serve`");
  }
  words.erase(words.begin(), words.begin() + 2);
  return words;
}

// Takes the option and its value out of `arguments`.
Result<std::optional<std::string>, std::string> take_like_process(Words& arguments) {
  constexpr std::string_view kName = "--like-process";
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != kName) continue;
    if (i + 1 == arguments.size()) return unexpected(std::string("--like-process lacks its value"));
    const std::string value = arguments[i + 1];
    const auto at = arguments.begin() + static_cast<std::ptrdiff_t>(i);
    arguments.erase(at, at + 2);
    return value;
  }
  return std::nullopt;
}

}  // namespace

int health(Arguments given) {
  Words arguments(given.begin(), given.end());
  const auto process = take_like_process(arguments);
  if (!process) return fail(kHealthCommand, process.error(), kExitUsage);
  if (*process) {
    const auto options = options_of_process(**process);
    if (!options) return fail(kHealthCommand, options.error());
    arguments.insert(arguments.begin(), options->begin(), options->end());
  }
  const config::LoadResult loaded = config::load(arguments, config::system_environment());
  if (loaded.request == config::Request::help) {
    std::fputs(kHealthUsage, stdout);
    return kExitOk;
  }
  if (!loaded.ok()) return fail(kHealthCommand, loaded.errors.front().to_string(), kExitUsage);
  const auto verdict = check_health(loaded.config, kPatience);
  if (!verdict) return fail(kHealthCommand, verdict.error());
  std::printf("%s\n", verdict->c_str());
  return kExitOk;
}

}  // namespace turnpike::cli
