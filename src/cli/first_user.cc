#include "cli/first_user.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "auth/store/sqlite_user_store.h"
#include "auth/store/user_database.h"
#include "base/default_paths.h"
#include "base/log.h"
#include "base/random.h"
#include "cli/password_input.h"
#include "net/fd.h"

namespace turnpike::cli {
namespace {

using auth::UserDatabase;
using auth::UserKeys;

bool wanted(const config::Config& config) {
  return !config.first_user.empty() && config.users.empty() && config.static_auth_secrets.empty() &&
         !config.no_auth && !config.stun_only && !config.userdb_path.empty();
}

std::string at(const std::string& path, const auth::DatabaseFailure& failure) {
  return "first-user: " + path + ": " + auth::to_string(failure);
}

// Nothing when there is no such file, or none of two lines.
std::optional<FirstUser> read_account(const std::string& file) {
  std::ifstream stream(file);
  FirstUser user{{}, {}, file};
  if (!std::getline(stream, user.name) || !std::getline(stream, user.password)) return {};
  if (problem_with(user.name, "name", auth::kMaxUsernameSize) || user.password.empty()) return {};
  return user;
}

// The file is there as a whole or not at all, and nobody else can ever read it.
Result<void, std::string> write_account(const FirstUser& user) {
  const auto failed = [&user] {
    return unexpected("first-user: " + user.file + ": " + std::generic_category().message(errno));
  };
  const std::string draft = user.file + ".new";
  ::unlink(draft.c_str());
  const net::Fd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return failed();
  const std::string text = user.name + "\n" + user.password + "\n";
  const ssize_t written = ::write(fd.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0) return failed();
  if (::rename(draft.c_str(), user.file.c_str()) != 0) return failed();
  return {};
}

std::string realm_of(const config::Config& config, const std::vector<auth::StoredUser>& users) {
  if (config.realm_is_set || users.empty()) return config.realm;
  // As the server chooses: the only realm that has users.
  const bool one_realm = std::all_of(users.begin(), users.end(), [&users](const auto& user) {
    return user.realm == users.front().realm;
  });
  return one_realm ? users.front().realm : config.realm;
}

Result<void, std::string> make_database(const std::string& path) {
  const bool is_ours = path == default_userdb_path(AccountEnvironment::of_this_process());
  const auto made = auth::ensure_user_database(
      path, is_ours ? auth::ParentDirectories::make : auth::ParentDirectories::expect);
  if (!made) return unexpected(at(path, made.error()));
  return {};
}

// Whether the stored key is that of the password.
bool still_valid(const std::string& path, const std::string& realm, const FirstUser& user) {
  auth::SqliteUserStore store({.path = path});
  const auto found = store.find(realm, user.name);
  return found && found->keys.md5 == UserKeys::from_password(user.name, realm, user.password).md5;
}

Result<FirstUser, std::string> make_user(const config::Config& config, UserDatabase& database,
                                         std::optional<FirstUser> kept, const std::string& file) {
  FirstUser user;
  if (kept) {
    // The server ended between the file and the database.
    user = *std::move(kept);
  } else {
    RandomSource random;
    user = {config.first_user, generate_password(random), file};
    // First the file: a password that nobody knows would be of no use.
    if (auto written = write_account(user); !written) return unexpected(written.error());
  }
  const auto put = database.put_user(
      config.realm, user.name, UserKeys::from_password(user.name, config.realm, user.password));
  if (!put) return unexpected(at(config.userdb_path, put.error()));
  log_info("first_user_made", {{"name", user.name}, {"file", user.file}});
  return user;
}

}  // namespace

Result<std::optional<FirstUser>, std::string> ensure_first_user(const config::Config& config) {
  if (!wanted(config)) return std::nullopt;
  const std::string& path = config.userdb_path;
  if (auto made = make_database(path); !made) return unexpected(made.error());
  auto database = UserDatabase::open(path, UserDatabase::Open::existing);
  if (!database) return unexpected(at(path, database.error()));
  const auto users = database->users({});
  if (!users) return unexpected(at(path, users.error()));
  const auto secrets = database->secrets({});
  if (!secrets) return unexpected(at(path, secrets.error()));

  const std::string file = path + ".first-user";
  auto kept = read_account(file);
  if (users->empty() && secrets->empty()) {
    auto user = make_user(config, *database, std::move(kept), file);
    if (!user) return unexpected(user.error());
    return *std::move(user);
  }
  if (kept && still_valid(path, realm_of(config, *users), *kept)) return kept;
  return std::nullopt;
}

}  // namespace turnpike::cli
