// The tables of the user database: the eight of coturn, so that either server and either tool can
// use one file, and a ninth of our own.
//
// turnpike_user holds what coturn's turnusers_lt cannot: the SHA-256 key and the userhash of
// RFC 8489. Its hmackey is a copy of the turnusers_lt.hmackey that the SHA-256 key was made with,
// from the same password. Another tool that changes the password changes turnusers_lt alone; the
// copies then differ, and the SHA-256 key, which belongs to the old password, is not used. A row
// without its turnusers_lt row means nothing.
//
// turnpike_user_option, a tenth, is made when the first user gets limits of his own. It is what
// turn_realm_option is for a realm: names of options and their values, 0 for no limit.
//
// Journal mode: the file keeps the one it has, which is SQLite's default rollback journal
// ("delete") for coturn's files and for ours. A write-ahead log would let readers go on during a
// commit, but it stays switched on in the file for every other program, it asks each reader for
// write access to the directory (a server that may only read the file could no longer open it), and
// a backup of the one file could miss what is still in the log. Commits here are rare and take
// milliseconds; a reader waits for them. A writer that is killed at any point leaves either the old
// content or a journal that the next one to open the file plays back.
#pragma once

#include <array>
#include <string_view>

namespace turnpike::auth {

struct Table {
  std::string_view name;
  std::string_view create;  // Without the final semicolon.
};

extern const std::array<Table, 9> kUserDatabaseTables;

extern const Table kUserOptionTable;

// The ninth.
inline const Table& turnpike_user_table() {
  return kUserDatabaseTables.back();
}

}  // namespace turnpike::auth
