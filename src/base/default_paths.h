// Where Turnpike keeps its data when nobody says otherwise.
#pragma once

#include <string>

namespace turnpike {

// What the choice of a path depends on.
struct AccountEnvironment {
  bool is_root = false;
  std::string home;           // Empty: unknown.
  std::string xdg_data_home;  // $XDG_DATA_HOME; empty: not set.

  static AccountEnvironment of_this_process();
};

// The user database: /var/lib/turnpike/turndb for root, else $XDG_DATA_HOME/turnpike/turndb or
// ~/.local/share/turnpike/turndb. Empty when an ordinary user has no home directory.
std::string default_userdb_path(const AccountEnvironment& environment);

}  // namespace turnpike
