// Where Turnpike keeps its data when nobody says otherwise.
#pragma once

#include <string>

namespace turnpike {

// What the choice of a path depends on.
struct AccountEnvironment {
  bool is_root = false;
  std::string home;                  // Empty: unknown.
  std::string xdg_data_home;         // $XDG_DATA_HOME; empty: not set.
  std::string xdg_runtime_dir = {};  // $XDG_RUNTIME_DIR; empty: not set.

  static AccountEnvironment of_this_process();
};

// The user database: /var/lib/turnpike/turndb for root, else $XDG_DATA_HOME/turnpike/turndb or
// ~/.local/share/turnpike/turndb. Empty when an ordinary user has no home directory.
std::string default_userdb_path(const AccountEnvironment& environment);

// The socket of the admin interface: /run/turnpike/admin.sock for root, else
// $XDG_RUNTIME_DIR/turnpike/admin.sock or beside the user database. Empty when there is no place.
std::string default_admin_socket_path(const AccountEnvironment& environment);

}  // namespace turnpike
