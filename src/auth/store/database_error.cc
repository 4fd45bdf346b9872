#include "auth/store/database_error.h"

namespace turnpike::auth {

std::string_view to_string(DatabaseError error) {
  switch (error) {
    case DatabaseError::missing:
      return "there is no such file";
    case DatabaseError::not_a_file:
      return "it is not a regular file";
    case DatabaseError::not_permitted:
      return "this process may not open it";
    case DatabaseError::read_only:
      return "it may be read but not written";
    case DatabaseError::locked:
      return "another process has locked it";
    case DatabaseError::interrupted_write:
      return "a writer was killed and its change cannot be taken back from here; run 'turnpike "
             "user list' as the owner of the file";
    case DatabaseError::corrupt:
      return "it is damaged or not an SQLite database";
    case DatabaseError::not_a_user_database:
      return "it does not have the tables of a user database";
    case DatabaseError::failed:
      return "it cannot be used";
  }
  return "it cannot be used";
}

std::string to_string(const DatabaseFailure& failure) {
  std::string out(to_string(failure.error));
  if (!failure.detail.empty()) out.append(" (").append(failure.detail).append(")");
  return out;
}

}  // namespace turnpike::auth
