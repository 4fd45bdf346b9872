// From command line, environment and file to a Config: the one entry point of this module.
//
// Order: file, then environment, then command line; a later source replaces what an earlier one
// says of an option, lists too. Only users and peer rules gather the values of all three.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/environment.h"
#include "config/problem.h"

namespace turnpike::config {

// What the command line asks for.
enum class Request : uint8_t { run, help, version };

struct AppliedValue {
  std::string text;  // May be a secret.
  Place place;
};

// Every value that was accepted, by the name of its option, in the order in which it was applied.
using AppliedValues = std::map<std::string, std::vector<AppliedValue>, std::less<>>;

struct LoadResult {
  Config config;
  std::vector<Problem> errors;    // Nothing may be started.
  std::vector<Problem> warnings;  // It works, perhaps not as was meant.
  std::vector<Problem> infos;     // What was accepted without effect, and what we chose ourselves.
  Request request = Request::run;
  std::string file;  // The configuration file that was read; empty: none.
  AppliedValues applied;

  [[nodiscard]] bool ok() const { return errors.empty(); }
};

// `arguments` are those after the subcommand's name. Everything that is wrong is found at once.
LoadResult load(std::span<const std::string> arguments, const Environment& environment);

// Every remark in a line of its own, the gravest last: "error: FILE:12: unknown option 'x'".
std::string report_text(const LoadResult& result);

// The last place where the option was set; nowhere if it was not.
Place place_of(const AppliedValues& applied, std::string_view option);

// Whether a configuration file of that path has the name of coturn's.
bool is_file_of_coturn(std::string_view path);

}  // namespace turnpike::config
