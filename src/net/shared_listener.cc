#include "net/shared_listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
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
  Ip ip;
  uint32_t user;
  std::string inode;
};

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "0100007F": the words of an address as they lie in memory, each printed as a number.
std::optional<Ip> parse_table_address(std::string_view text) {
  constexpr size_t kDigits = 8;
  std::vector<uint8_t> bytes;
  for (; text.size() >= kDigits; text.remove_prefix(kDigits)) {
    uint32_t word = 0;
    std::from_chars(text.data(), text.data() + kDigits, word, 16);
    std::array<uint8_t, sizeof(word)> as_it_lies{};
    std::memcpy(as_it_lies.data(), &word, sizeof(word));
    bytes.insert(bytes.end(), as_it_lies.begin(), as_it_lies.end());
  }
  if (bytes.size() == 4) return Ip::from_v4(std::span<const uint8_t, 4>(bytes.data(), 4));
  if (bytes.size() == 16) return Ip::from_v6(std::span<const uint8_t, 16>(bytes.data(), 16));
  return {};
}

bool is_any(const Ip& ip) {
  return ip == any_address(IpFamily::v4) || ip == any_address(IpFamily::v6);
}

// A listener at [::] may have the IPv4 port as well.
bool in_the_way(const Ip& listener, const Ip& local) {
  if (listener.family() != local.family()) return listener == any_address(IpFamily::v6);
  return listener == local || is_any(listener) || is_any(local);
}

// The listening sockets of that port in /proc/net/tcp or tcp6: columns "address:port" in
// hexadecimal, state (0A listens), user, inode.
void find_listeners(const std::string& path, const Endpoint& where, std::vector<Owner>& out) {
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
    const auto ip = parse_table_address(std::string_view(local).substr(0, colon));
    if (found == where.port && ip && in_the_way(*ip, where.ip)) out.push_back({*ip, user, inode});
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

bool SharedListener::Consent::take(Fd copy) {
  int before = 0;
  socklen_t size = sizeof(before);
  const int yes = 1;
  if (!copy || ::getsockopt(copy.get(), SOL_SOCKET, SO_REUSEPORT, &before, &size) != 0 ||
      ::setsockopt(copy.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)) != 0) {
    return false;
  }
  fd_ = std::move(copy);
  was_shared_ = before != 0;
  return true;
}

SharedListener::Consent::~Consent() {
  const int no = 0;
  if (fd_ && !was_shared_) ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEPORT, &no, sizeof(no));
}

Result<SharedListener, SysError> SharedListener::open(const Endpoint& local) {
  const SysError in_use{EADDRINUSE, "share " + local.to_string() + " (TCP)"};
  std::vector<Owner> owners;
  find_listeners("/proc/net/tcp", local, owners);
  find_listeners("/proc/net/tcp6", local, owners);
  SharedListener shared;
  for (const Owner& owner : owners) {
    const auto holder = find_holder(owner.inode);
    Consent consent;
    if (!holder || !consent.take(copy_descriptor(holder->first, holder->second))) continue;
    shared.consents_.push_back(std::move(consent));
    shared.user_ = owner.user;
  }
  if (shared.consents_.empty()) return unexpected(in_use);
  const AsUser as_user(shared.user_);
  if (const int error = shared_port_error(local); error != 0) return unexpected(in_use);
  return shared;
}

Result<Fd, SysError> SharedListener::connect(const Endpoint& local, const Endpoint& remote) const {
  const AsUser as_user(user_);
  return connect_shared(local, remote);
}

}  // namespace turnpike::net
