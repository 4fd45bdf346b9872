#include "net/tls_files.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/fd.h"

namespace turnpike::net {
namespace {

constexpr off_t kFileMax = off_t{1} << 20;

FileStamp stamp_of(const std::string& path, const struct stat& info) {
  constexpr int64_t kSecond = 1'000'000'000;
  return {.path = path,
          .device = info.st_dev,
          .inode = info.st_ino,
          .size = info.st_size,
          .modified_ns = int64_t{info.st_mtim.tv_sec} * kSecond + info.st_mtim.tv_nsec,
          .changed_ns = int64_t{info.st_ctim.tv_sec} * kSecond + info.st_ctim.tv_nsec,
          .mode = info.st_mode};
}

std::string refusal(const std::string& path, const std::string& reason) {
  return path + ": " + reason + " (tried as user " + effective_user() + ")";
}

std::string refusal(const std::string& path, int error) {
  return refusal(path, std::generic_category().message(error));
}

}  // namespace

std::string effective_user() {
  const uid_t uid = ::geteuid();
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(uid);
}

bool FileStamp::still_true() const {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && stamp_of(path, info) == *this;
}

FileStamp FileStamp::take(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return stamp_of(path, info);
  FileStamp missing;
  missing.path = path;
  return missing;
}

Result<std::string, std::string> read_tls_file(const std::string& path,
                                               std::vector<FileStamp>& stamps) {
  // Non-blocking, so that a path which names a pipe is refused below instead of waited for.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return unexpected(refusal(path, errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return unexpected(refusal(path, errno));
  if (!S_ISREG(info.st_mode)) return unexpected(refusal(path, "not a regular file"));
  if (info.st_size > kFileMax) return unexpected(refusal(path, "larger than 1 MiB"));
  stamps.push_back(stamp_of(path, info));

  std::string text;
  std::array<char, 4096> chunk{};
  while (static_cast<off_t>(text.size()) <= kFileMax) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unexpected(refusal(path, errno));
    if (count == 0) return text;
    text.append(chunk.data(), static_cast<size_t>(count));
  }
  return unexpected(refusal(path, "larger than 1 MiB"));
}

}  // namespace turnpike::net
