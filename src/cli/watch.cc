#include "cli/watch.h"

#include <cstdio>

#include <poll.h>
#include <unistd.h>

namespace turnpike::cli {

namespace po = boost::program_options;

void add_watch_option(po::options_description& options) {
  options.add_options()("watch,w", po::value<double>()->implicit_value(2, "2"),
                        "again every so many seconds, until Ctrl-C");
}

void wait_for(double seconds) {
  static_cast<void>(::poll(nullptr, 0, static_cast<int>(seconds * 1000)));
}

int watched(const std::string& command, const ParsedOptions& options,
            const std::function<Result<std::string, std::string>()>& text) {
  constexpr double kShortest = 0.1;
  constexpr double kLongest = 3600;
  const double period = options.has("watch") ? options.values["watch"].as<double>() : 0;
  if (options.has("watch") && !(period >= kShortest && period <= kLongest)) {
    return fail(command, "--watch takes 0.1 to 3600 seconds", kExitUsage);
  }
  while (true) {
    const auto shown = text();
    if (!shown) return fail(command, shown.error());
    const bool wipe = options.has("watch") && ::isatty(STDOUT_FILENO) == 1;
    if (wipe) std::fputs("\x1b[H\x1b[2J", stdout);
    std::fputs(shown->c_str(), stdout);
    // Nobody reads any more: a pipe that was closed.
    if (std::fflush(stdout) != 0) return kExitFailure;
    if (!options.has("watch")) return kExitOk;
    wait_for(period);
  }
}

}  // namespace turnpike::cli
