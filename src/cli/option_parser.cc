#include "cli/option_parser.h"

#include <cstdio>
#include <iostream>
#include <vector>

namespace turnpike::cli {

namespace po = boost::program_options;

std::string ParsedOptions::text(const std::string& option) const {
  return values[option].as<std::string>();
}

int fail(const std::string& command, const std::string& message, int exit_code) {
  std::fprintf(stderr, "%s: %s\n", command.c_str(), message.c_str());
  return exit_code;
}

ParsedOptions parse_options(CommandSyntax syntax, Arguments arguments) {
  syntax.options.add_options()("help,h", "show this text");
  po::positional_options_description positional;
  if (!syntax.positional.empty()) positional.add(syntax.positional.c_str(), 1);
  ParsedOptions parsed;
  try {
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(std::vector(arguments.begin(), arguments.end()))
                  .options(syntax.options)
                  .positional(positional)
                  .style(style)
                  .run(),
              parsed.values);
    po::notify(parsed.values);
  } catch (const po::error& error) {
    parsed.exit_code = fail(syntax.name, std::string(error.what()) + "; see --help", kExitUsage);
    return parsed;
  }
  if (parsed.has("help")) {
    std::cout << "usage: " << syntax.name << ' ' << syntax.synopsis << "\n\n"
              << syntax.about << "\n\n"
              << syntax.options << std::flush;
    parsed.exit_code = kExitOk;
  }
  return parsed;
}

}  // namespace turnpike::cli
