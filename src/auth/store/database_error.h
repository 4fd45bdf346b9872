// Why a user database cannot be used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace turnpike::auth {

enum class DatabaseError : uint8_t {
  missing,              // No such file.
  not_a_file,           // A directory, a device, ...
  not_permitted,        // The system refuses to open it.
  read_only,            // It can be read but not written.
  locked,               // Another process is writing right now.
  interrupted_write,    // A writer was killed, and we may not take back its half-done change.
  corrupt,              // Damaged, truncated, or not SQLite at all.
  not_a_user_database,  // SQLite, but without the tables.
  failed,               // Anything else: disk full, I/O error.
};

// One clause of plain English, for a log line or a command's error message.
std::string_view to_string(DatabaseError error);

struct DatabaseFailure {
  DatabaseError error;
  std::string detail;  // What SQLite or the system said; may be empty.
};

// "the database is damaged (file is not a database)".
std::string to_string(const DatabaseFailure& failure);

}  // namespace turnpike::auth
