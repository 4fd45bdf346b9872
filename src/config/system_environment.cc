// The real environment: the process's variables and the file system.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "base/default_paths.h"
#include "config/environment.h"
#include "config/file_parser.h"

namespace turnpike::config {
namespace {

using ReadFailure = unexpected<std::string>;

Result<std::string, std::string> read_whole_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return ReadFailure("it is a directory");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return ReadFailure(std::strerror(errno));
  // One byte more than allowed shows that there is more; a pipe has no size to ask for.
  std::string content(kMaxFileSize + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad()) return ReadFailure("reading failed");
  content.resize(static_cast<size_t>(file.gcount()));
  if (content.size() > kMaxFileSize) return ReadFailure("it is larger than 4 MiB");
  return content;
}

}  // namespace

Environment system_environment() {
  Environment result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (!text.starts_with("TURNPIKE_") || equals == std::string_view::npos) continue;
    result.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  result.read_file = read_whole_file;
  result.file_exists = [](const std::string& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
  };
  result.own_database = default_userdb_path(AccountEnvironment::of_this_process());
  return result;
}

}  // namespace turnpike::config
