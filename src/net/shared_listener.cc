#include "net/shared_listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/tcp_probe.h"

namespace turnpike::net {
namespace {

namespace fs = std::filesystem;

struct Owner {
  uint32_t user;
  std::string inode;
};

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The listening sockets of that port in /proc/net/tcp or tcp6: columns "address:port" in
// hexadecimal, state (0A listens), user, inode.
void find_listeners(const std::string& path, uint16_t port, std::vector<Owner>& out) {
  std::ifstream table(path);
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream columns(line);
    std::string number, local, remote, state, queues, timer, retransmits, timeout, inode;
    uint32_t user = 0;
    columns >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
        timeout >> inode;
    const size_t colon = local.rfind(':');
    if (!columns || state != "0A" || colon == std::string::npos) continue;
    uint16_t found = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), found, 16);
    if (found == port) out.push_back({user, inode});
  }
}

// The process and descriptor number that hold the socket.
std::optional<std::pair<int, int>> find_holder(const std::string& inode) {
  const std::string wanted = "socket:[" + inode + "]";
  std::error_code error;
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const std::string pid = process.path().filename();
    if (!is_number(pid)) continue;
    for (const auto& entry : fs::directory_iterator(process.path() / "fd", error)) {
      std::error_code ignored;
      if (fs::read_symlink(entry.path(), ignored) != wanted) continue;
      int process_id = 0;
      int number = 0;
      const std::string name = entry.path().filename();
      std::from_chars(pid.data(), pid.data() + pid.size(), process_id);
      std::from_chars(name.data(), name.data() + name.size(), number);
      return std::pair(process_id, number);
    }
  }
  return {};
}

Fd copy_descriptor(int process, int number) {
  const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd) return Fd();
  return Fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
}

// A socket belongs to the user who makes it, for good.
class AsUser {
 public:
  explicit AsUser(uint32_t user) : before_(static_cast<uint32_t>(::setfsuid(user))) {}
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
  ~AsUser() { ::setfsuid(before_); }

 private:
  uint32_t before_;
};

}  // namespace

Result<SharedListener, SysError> SharedListener::open(const Endpoint& local) {
  std::vector<Owner> owners;
  find_listeners("/proc/net/tcp", local.port, owners);
  find_listeners("/proc/net/tcp6", local.port, owners);
  for (const Owner& owner : owners) {
    const auto holder = find_holder(owner.inode);
    if (!holder) continue;
    Fd fd = copy_descriptor(holder->first, holder->second);
    if (!fd) continue;
    int before = 0;
    socklen_t size = sizeof(before);
    const int yes = 1;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &before, &size) != 0 ||
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) != 0) {
      continue;
    }
    return SharedListener(std::move(fd), owner.user, before != 0);
  }
  return unexpected(SysError{EADDRINUSE, "share " + local.to_string() + " (TCP)"});
}

SharedListener::~SharedListener() {
  const int no = 0;
  if (fd_ && !was_shared_) ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEPORT, &no, sizeof(no));
}

Result<Fd, SysError> SharedListener::connect(const Endpoint& local, const Endpoint& remote) const {
  const AsUser as_user(user_);
  return connect_shared(local, remote);
}

}  // namespace turnpike::net
