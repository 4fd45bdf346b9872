#include "server/privileges.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

namespace turnpike::server {
namespace {

std::optional<uint32_t> id_in(const std::string& text) {
  uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return {};
  return number;
}

std::string with_errno(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

}  // namespace

std::optional<uint32_t> find_group(const std::string& group) {
  if (const auto number = id_in(group)) return number;
  const struct group* entry = ::getgrnam(group.c_str());
  if (entry == nullptr) return {};
  return entry->gr_gid;
}

Result<Account, std::string> find_account(const std::string& user, const std::string& group) {
  const auto number = id_in(user);
  const passwd* entry = number ? ::getpwuid(*number) : ::getpwnam(user.c_str());
  if (entry == nullptr) return unexpected("proc-user: there is no user '" + user + "'");
  Account account{entry->pw_uid, entry->pw_gid, entry->pw_name};
  if (group.empty()) return account;
  const auto chosen = find_group(group);
  if (!chosen) return unexpected("proc-group: there is no group '" + group + "'");
  account.group = *chosen;
  return account;
}

Result<void, std::string> become(const Account& account) {
  if (::geteuid() == account.user && ::getegid() == account.group) return {};
  if (::geteuid() != 0) return unexpected(std::string("proc-user: only root can become another"));
  if (::initgroups(account.name.c_str(), account.group) != 0) {
    return unexpected(with_errno("proc-user: set the groups of " + account.name));
  }
  if (::setresgid(account.group, account.group, account.group) != 0 ||
      ::setresuid(account.user, account.user, account.user) != 0) {
    return unexpected(with_errno("proc-user: become " + account.name));
  }
  if (account.user != 0 && ::setuid(0) == 0) {
    return unexpected(std::string("proc-user: the way back to root is open"));
  }
  return {};
}

}  // namespace turnpike::server
