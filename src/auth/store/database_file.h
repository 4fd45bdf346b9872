// The user database as a file: what it is, whether it is still the same one, and making it.
#pragma once

#include <cstdint>
#include <string>

#include "auth/store/database_error.h"
#include "base/result.h"

namespace turnpike::auth {

// Absolute, from the present directory.
std::string absolute_path(const std::string& path);

// That it is there and a regular file.
Result<void, DatabaseFailure> check_database_file(const std::string& path);

// An empty file, readable for its owner alone since it will hold keys. Root makes it for the owner
// of the directory: the server that reads it seldom runs as root.
Result<void, DatabaseFailure> make_private_file(const std::string& path);

// The directories above `path`, as private.
Result<void, DatabaseFailure> make_parent_directories(const std::string& path);

// Which file it is, and when somebody last wrote to it.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;

  static Result<FileIdentity, DatabaseFailure> of(const std::string& path);

  [[nodiscard]] bool same_file(const FileIdentity& other) const {
    return device == other.device && inode == other.inode;
  }
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

}  // namespace turnpike::auth
