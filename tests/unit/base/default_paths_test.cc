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

TEST(DefaultPaths, TheAdminSocketIsWhereItsUserMayWrite) {
  AccountEnvironment root{.is_root = true, .home = "/root", .xdg_data_home = ""};
  EXPECT_EQ(default_admin_socket_path(root), "/run/turnpike/admin.sock");
  AccountEnvironment user{.is_root = false, .home = "/home/ann", .xdg_data_home = ""};
  EXPECT_EQ(default_admin_socket_path(user), "/home/ann/.local/share/turnpike/admin.sock");
  user.xdg_runtime_dir = "/run/user/1000";
  EXPECT_EQ(default_admin_socket_path(user), "/run/user/1000/turnpike/admin.sock");
  EXPECT_EQ(default_admin_socket_path({.is_root = false, .home = "", .xdg_data_home = ""}), "");
}

}  // namespace
}  // namespace turnpike
