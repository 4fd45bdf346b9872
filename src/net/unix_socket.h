// Unix stream sockets: the admin interface's, and the way to the service manager.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "net/fd.h"
#include "net/sys_error.h"

namespace turnpike::net {

// A listening socket in the file system, with the lock that makes it ours. Move-only; the file goes
// away with it.
class UnixListener {
 public:
  // Takes the place of a socket that nobody listens on any more; EADDRINUSE when somebody does.
  // Only the owner may connect, or `group` too, when it is given.
  static Result<UnixListener, SysError> listen(const std::string& path,
                                               std::optional<uint32_t> group);
  // Of a socket that the service manager has made: the file is not ours.
  static UnixListener adopt(Fd fd);

  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;
  ~UnixListener();

  [[nodiscard]] const Fd& fd() const { return fd_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Gives the file to the user that we are about to become.
  void give_to(uint32_t user, std::optional<uint32_t> group) const;

 private:
  UnixListener(Fd fd, Fd lock, std::string path);

  Fd fd_;
  Fd lock_;
  std::string path_;  // Empty: nothing to remove.
};

// Non-blocking; an empty Fd when none waits. `peer_is_gone` errors are none waiting, too.
Fd accept_unix(const Fd& listener);

// Blocking, with limits on how long a read or a write may wait.
Result<Fd, SysError> connect_unix(const std::string& path, int timeout_s);

// One datagram to the socket that `name` stands for ('@' begins an abstract one). What cannot be
// delivered is lost: nobody waits for it.
void send_unix_datagram(const std::string& name, const std::string& text);

}  // namespace turnpike::net
