// The configuration file as any bytes: parsed, applied, validated, printed and read back.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "config/documents.h"
#include "config/load.h"

using turnpike::config::Environment;
using turnpike::config::LoadResult;

namespace {

LoadResult load_file(const std::string& text) {
  Environment environment;
  environment.read_file = [&text](const std::string&) {
    return turnpike::Result<std::string, std::string>(text);
  };
  environment.file_exists = [](const std::string&) { return false; };
  const std::vector<std::string> arguments = {"-c", "fuzz.conf"};
  return turnpike::config::load(arguments, environment);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(turnpike::as_text({data, size}));
  const LoadResult result = load_file(text);
  static_cast<void>(turnpike::config::report_text(result));
  const std::string printed = turnpike::config::configuration_text(result.applied);
  // What we print is always a file that can be parsed; only masked secrets may be refused.
  for (const auto& error : load_file(printed).errors) {
    CHECK(error.line == 0 || error.message.find("unknown option") == std::string::npos);
  }
  return 0;
}
