#include "nat/file_update.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/fd.h"

namespace turnpike::nat {
namespace {

namespace fs = std::filesystem;

// Larger ones are not configuration.
constexpr uintmax_t kMaxSize = 4 << 20;

std::string failure(const std::string& path, const std::string& what) {
  return path + ": " + what + ": " + std::generic_category().message(errno);
}

Result<std::optional<std::string>, std::string> read(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return std::optional<std::string>();
  if (status.type() != fs::file_type::regular) return unexpected(path + " is no ordinary file");
  if (fs::file_size(path, error) > kMaxSize) return unexpected(path + " is too long");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  // An empty file sets the failure bit of the receiving stream only.
  if (!file.is_open() || file.bad()) return unexpected(failure(path, "can't be read"));
  return std::optional(text.str());
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// A new file with `text` and, where there is an old one, its owner and permissions; then renamed.
Result<void, std::string> put(const std::string& path, std::string_view text,
                              const struct stat* like) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const mode_t mode = like != nullptr ? like->st_mode & 07777 : 0644;
  const net::Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return unexpected(failure(fresh, "can't be made"));
  const auto fail = [&fresh](const std::string& what) {
    const std::string reason = failure(fresh, what);
    ::unlink(fresh.c_str());
    return unexpected(reason);
  };
  if (!write_all(fd.get(), text)) return fail("can't be written");
  // Only root can give files away; where that fails the new file would shut its reader out.
  if (like != nullptr && (like->st_uid != ::geteuid() || like->st_gid != ::getegid()) &&
      ::fchown(fd.get(), like->st_uid, like->st_gid) != 0) {
    return fail("can't be given to the owner of the old one");
  }
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) return fail("can't be completed");
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail("can't take the old one's place");
  // So that the name, too, outlives a power cut. What can't be read can't be made to, and is there.
  const std::string folder = fs::path(path).parent_path().string();
  const net::Fd directory(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) static_cast<void>(::fsync(directory.get()));
  return {};
}

}  // namespace

Result<void, std::string> write_new(const std::string& path, std::string_view text) {
  return put(path, text, nullptr);
}

std::string text_of(const std::string& path) {
  const auto text = read(path);
  return text ? text->value_or(std::string()) : std::string();
}

Result<bool, std::string> update_file(
    const std::string& path, Missing missing,
    const std::function<Result<std::string, std::string>(const std::string&)>& edit) {
  std::error_code error;
  const fs::path real = fs::weakly_canonical(path, error);
  const std::string target = error ? path : real.string();
  const auto old = read(target);
  if (!old) return unexpected(old.error());
  if (!*old && missing == Missing::is_error) return unexpected(path + " does not exist");
  const auto text = edit(old->value_or(std::string()));
  if (!text) return unexpected(path + ": " + text.error());
  if (*old && **old == *text) return false;

  struct stat like {};
  const bool exists = old->has_value() && ::stat(target.c_str(), &like) == 0;
  // What the user wrote is not to be lost to the second change.
  if (exists && !fs::exists(target + ".bak", error)) {
    if (auto kept = put(target + ".bak", **old, &like); !kept) return unexpected(kept.error());
  }
  if (auto written = put(target, *text, exists ? &like : nullptr); !written) {
    return unexpected(written.error());
  }
  return true;
}

}  // namespace turnpike::nat
