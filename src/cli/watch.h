// --watch: the same command again and again, on a screen that is wiped in between.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "cli/option_parser.h"

namespace turnpike::cli {

void add_watch_option(boost::program_options::options_description& options);

// Prints what `text` returns, once or (with --watch) until something fails or Ctrl-C. The exit
// code.
int watched(const std::string& command, const ParsedOptions& options,
            const std::function<Result<std::string, std::string>()>& text);

// Waits without doing anything.
void wait_for(double seconds);

}  // namespace turnpike::cli
