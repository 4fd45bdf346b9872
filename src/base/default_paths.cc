#include "base/default_paths.h"

#include <cstdlib>

#include <unistd.h>

namespace turnpike {
namespace {

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

AccountEnvironment AccountEnvironment::of_this_process() {
  return {.is_root = geteuid() == 0,
          .home = environment_variable("HOME"),
          .xdg_data_home = environment_variable("XDG_DATA_HOME"),
          .xdg_runtime_dir = environment_variable("XDG_RUNTIME_DIR")};
}

std::string default_userdb_path(const AccountEnvironment& environment) {
  if (environment.is_root) return "/var/lib/turnpike/turndb";
  // A relative value is void by the XDG base directory specification.
  if (environment.xdg_data_home.starts_with('/')) {
    return environment.xdg_data_home + "/turnpike/turndb";
  }
  if (environment.home.empty()) return {};
  return environment.home + "/.local/share/turnpike/turndb";
}

std::string default_admin_socket_path(const AccountEnvironment& environment) {
  constexpr const char* kTail = "/turnpike/admin.sock";
  if (environment.is_root) return std::string("/run") + kTail;
  if (environment.xdg_runtime_dir.starts_with('/')) return environment.xdg_runtime_dir + kTail;
  const std::string database = default_userdb_path(environment);
  if (database.empty()) return {};
  return database.substr(0, database.rfind('/')) + "/admin.sock";
}

}  // namespace turnpike
