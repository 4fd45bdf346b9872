#include "net/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace turnpike::net {
namespace {

struct UnixAddress {
  sockaddr_un address{};
  socklen_t size = 0;
};

// Nothing when the path is too long for the kernel.
std::optional<UnixAddress> unix_address(const std::string& path) {
  UnixAddress out;
  out.address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(out.address.sun_path)) return {};
  std::memcpy(out.address.sun_path, path.data(), path.size());
  if (path.front() == '@') out.address.sun_path[0] = '\0';
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                    (path.front() == '@' ? 0 : 1));
  return out;
}

const sockaddr* as_sockaddr(const UnixAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.address);
}

SysError too_long(const std::string& path) {
  return {.code = ENAMETOOLONG, .what = "socket " + path};
}

}  // namespace

UnixListener::UnixListener(Fd fd, Fd lock, std::string path)
    : fd_(std::move(fd)), lock_(std::move(lock)), path_(std::move(path)) {}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::move(other.fd_)),
      lock_(std::move(other.lock_)),
      path_(std::exchange(other.path_, {})) {}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(lock_, other.lock_);
  std::swap(path_, other.path_);
  return *this;
}

UnixListener::~UnixListener() {
  // The lock's file stays: removing it would let two processes hold "the" lock.
  if (!path_.empty()) ::unlink(path_.c_str());
}

UnixListener UnixListener::adopt(Fd fd) {
  return {std::move(fd), Fd(), {}};
}

Result<UnixListener, SysError> UnixListener::listen(const std::string& path,
                                                    std::optional<uint32_t> group) {
  const auto address = unix_address(path);
  if (!address) return unexpected(too_long(path));
  // A lock, which ends with its process, tells a living server's socket from one left behind.
  Fd lock(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return unexpected(last_error("open " + path + ".lock"));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return unexpected(SysError{.code = EADDRINUSE, .what = "listen on " + path});
  }
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) {
      return unexpected(SysError{.code = EEXIST, .what = "listen on " + path});
    }
    ::unlink(path.c_str());
  }
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return unexpected(last_error("make a unix socket"));
  // Nobody may connect between bind() and chmod(): nobody can before listen().
  if (::bind(fd.get(), as_sockaddr(*address), address->size) != 0) {
    return unexpected(last_error("listen on " + path));
  }
  UnixListener listener(std::move(fd), std::move(lock), path);
  if (::chmod(path.c_str(), group ? 0660 : 0600) != 0) {
    return unexpected(last_error("chmod " + path));
  }
  constexpr auto kSame = static_cast<uid_t>(-1);
  if (group && ::chown(path.c_str(), kSame, *group) != 0) {
    return unexpected(last_error("chown " + path));
  }
  constexpr int kBacklog = 64;
  if (::listen(listener.fd_.get(), kBacklog) != 0) {
    return unexpected(last_error("listen on " + path));
  }
  return listener;
}

void UnixListener::give_to(uint32_t user, std::optional<uint32_t> group) const {
  if (path_.empty()) return;
  constexpr auto kSame = static_cast<gid_t>(-1);
  // What fails here shows when the file is to be removed: the directory is root's then anyway.
  static_cast<void>(::chown(path_.c_str(), user, group.value_or(kSame)));
}

Fd accept_unix(const Fd& listener) {
  return Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

Result<Fd, SysError> connect_unix(const std::string& path, int timeout_s) {
  const auto address = unix_address(path);
  if (!address) return unexpected(too_long(path));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return unexpected(last_error("make a unix socket"));
  const timeval limit{.tv_sec = timeout_s, .tv_usec = 0};
  for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, which, &limit, sizeof(limit)));
  }
  if (::connect(fd.get(), as_sockaddr(*address), address->size) != 0) {
    return unexpected(last_error("connect to " + path));
  }
  return fd;
}

void send_unix_datagram(const std::string& name, const std::string& text) {
  const auto address = unix_address(name);
  if (!address) return;
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  [[maybe_unused]] const ssize_t ignored =
      ::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               as_sockaddr(*address), address->size);
}

}  // namespace turnpike::net
