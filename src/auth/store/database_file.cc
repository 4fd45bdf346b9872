#include "auth/store/database_file.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace turnpike::auth {
namespace {

DatabaseFailure failure_from(int system_error) {
  if (system_error == ENOENT || system_error == ENOTDIR) return {DatabaseError::missing, {}};
  const std::string detail = std::generic_category().message(system_error);
  if (system_error == EACCES || system_error == EPERM) {
    return {DatabaseError::not_permitted, detail};
  }
  if (system_error == EROFS) return {DatabaseError::read_only, detail};
  return {DatabaseError::failed, detail};
}

Result<struct stat, DatabaseFailure> status_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return unexpected(failure_from(errno));
  if (!S_ISREG(status.st_mode)) return unexpected(DatabaseFailure{DatabaseError::not_a_file, {}});
  return status;
}

std::string directory_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

void give_to_owner_of_directory(int file, const std::string& path) {
  struct stat directory {};
  if (geteuid() != 0 || stat(directory_of(path).c_str(), &directory) != 0) return;
  if (directory.st_uid == 0) return;
  // A root that may not do this (in a container, say) keeps the file, which is then as good as any.
  if (fchown(file, directory.st_uid, directory.st_gid) != 0) return;
}

}  // namespace

std::string absolute_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.string();
}

Result<void, DatabaseFailure> check_database_file(const std::string& path) {
  if (auto status = status_of(path); !status) return unexpected(status.error());
  return {};
}

Result<void, DatabaseFailure> make_private_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  // Somebody else made it in the meantime: as good, and not to be opened here, since closing a file
  // gives up the locks that this process has on it.
  if (file < 0 && errno == EEXIST) return {};
  if (file < 0) {
    DatabaseFailure failure = failure_from(errno);
    if (failure.error == DatabaseError::missing) failure.detail = "its directory does not exist";
    return unexpected(failure);
  }
  give_to_owner_of_directory(file, path);
  close(file);
  return {};
}

Result<void, DatabaseFailure> make_parent_directories(const std::string& path) {
  const std::string directory = directory_of(path);
  if (directory.empty() || mkdir(directory.c_str(), 0700) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT) return unexpected(failure_from(errno));
  if (auto above = make_parent_directories(directory); !above) return above;
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return unexpected(failure_from(errno));
  }
  return {};
}

Result<FileIdentity, DatabaseFailure> FileIdentity::of(const std::string& path) {
  const auto status = status_of(path);
  if (!status) return unexpected(status.error());
  return FileIdentity{
      .device = status->st_dev,
      .inode = status->st_ino,
      .size = status->st_size,
      .modified_ns = int64_t{status->st_mtim.tv_sec} * 1'000'000'000 + status->st_mtim.tv_nsec};
}

}  // namespace turnpike::auth
