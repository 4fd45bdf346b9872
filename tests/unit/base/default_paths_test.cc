#include "base/default_paths.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(DefaultPaths, UserDatabaseGoesWhereTheAccountMayWrite) {
  struct Case {
    AccountEnvironment environment;
    std::string path;
  };
  for (const Case& c : {
           Case{{.is_root = true, .home = "/root", .xdg_data_home = "/x"},
                "/var/lib/turnpike/turndb"},
           Case{{.is_root = false, .home = "/home/a", .xdg_data_home = "/x"}, "/x/turnpike/turndb"},
           Case{{.is_root = false, .home = "/home/a", .xdg_data_home = ""},
                "/home/a/.local/share/turnpike/turndb"},
           Case{{.is_root = false, .home = "/home/a", .xdg_data_home = "relative"},
                "/home/a/.local/share/turnpike/turndb"},
           Case{{.is_root = false, .home = "", .xdg_data_home = ""}, ""},
       }) {
    EXPECT_EQ(default_userdb_path(c.environment), c.path);
  }
}

}  // namespace
}  // namespace turnpike
