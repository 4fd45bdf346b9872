#include "server/users.h"

#include <vector>

#include "auth/store/layered_user_store.h"
#include "auth/store/sqlite_user_store.h"
#include "auth/store/static_user_store.h"
#include "auth/store/user_database.h"
#include "base/log.h"

namespace turnpike::server {

std::string choose_realm(const config::Config& config) {
  if (config.realm_is_set || config.userdb_path.empty()) return config.realm;
  auth::SqliteUserStore database({.path = config.userdb_path});
  const auto realms = database.realms_with_users();
  if (!realms || realms->empty()) return config.realm;
  if (realms->size() == 1) {
    log_info("realm_from_database", {{"realm", realms->front()}});
    return realms->front();
  }
  log_warning("realm_not_set", {{"realm", config.realm},
                                {"reason",
                                 "the database has users in several realms; only "
                                 "those of this one, and of realms by ORIGIN, can log in"}});
  return config.realm;
}

Result<std::unique_ptr<auth::UserStore>, std::string> make_user_store(
    const config::Config& config) {
  std::vector<std::unique_ptr<auth::UserStore>> layers;
  if (!config.users.empty()) {
    auto configured = std::make_unique<auth::StaticUserStore>(config.realm);
    for (const config::User& user : config.users) {
      if (user.md5_key) {
        configured->add_key(user.name, *user.md5_key);
      } else {
        configured->add_password(user.name, user.password);
      }
    }
    layers.push_back(std::move(configured));
  }
  if (!config.userdb_path.empty()) {
    const auto made =
        auth::ensure_user_database(config.userdb_path, auth::ParentDirectories::expect);
    if (!made) return unexpected(config.userdb_path + ": " + auth::to_string(made.error()));
    layers.push_back(std::make_unique<auth::SqliteUserStore>(
        auth::SqliteStoreSettings{.path = config.userdb_path}));
  }
  return std::make_unique<auth::LayeredUserStore>(std::move(layers));
}

}  // namespace turnpike::server
