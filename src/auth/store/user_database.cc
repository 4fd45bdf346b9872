#include "auth/store/user_database.h"

#include "auth/store/database_file.h"
#include "auth/store/schema.h"
#include "auth/store/user_queries.h"
#include "base/check.h"
#include "base/hex.h"

namespace turnpike::auth {
namespace {

Sha256State sha256_state(std::string_view text) {
  if (text == "valid") return Sha256State::valid;
  return text == "stale" ? Sha256State::stale : Sha256State::absent;
}

}  // namespace

Result<UserDatabase, DatabaseFailure> UserDatabase::open(const std::string& path, Open how,
                                                         milliseconds busy_timeout) {
  using Access = SqliteConnection::Access;
  const Access access = how == Open::read_only           ? Access::read
                        : how == Open::create_if_missing ? Access::create
                                                         : Access::write;
  auto connection = SqliteConnection::open(absolute_path(path), access, busy_timeout);
  if (!connection) return unexpected(connection.error());
  UserDatabase database(std::move(*connection));
  if (how == Open::create_if_missing) {
    if (auto created = database.create_tables(); !created) return unexpected(created.error());
  }
  const auto usable = database.has_table(kUserDatabaseTables[0].name);
  if (!usable) return unexpected(usable.error());
  if (!*usable) return unexpected(DatabaseFailure{DatabaseError::not_a_user_database, {}});
  return database;
}

// Only in a file without any table: one that holds something else is somebody else's.
Result<void, DatabaseFailure> UserDatabase::create_tables() {
  constexpr std::string_view kAnyTable = "select 1 from sqlite_schema";
  auto filled = exists(kAnyTable, {});
  if (!filled) return unexpected(filled.error());
  if (*filled) return {};
  auto transaction = Transaction::begin(connection_, Transaction::Kind::write);
  if (!transaction) return unexpected(transaction.error());
  // Asked again: another process may have been quicker.
  filled = exists(kAnyTable, {});
  if (!filled) return unexpected(filled.error());
  if (*filled) return {};
  for (const Table& table : kUserDatabaseTables) {
    if (auto made = connection_.execute(table.create, {}); !made) return made;
  }
  return transaction->commit();
}

Result<bool, DatabaseFailure> UserDatabase::exists(std::string_view sql,
                                                   std::initializer_list<std::string_view> values) {
  auto statement = connection_.prepare(sql);
  if (!statement) return unexpected(statement.error());
  Rows rows = statement->run(values);
  const bool found = rows.next();
  if (rows.failed()) return unexpected(connection_.last_failure());
  return found;
}

Result<bool, DatabaseFailure> UserDatabase::has_table(std::string_view name) {
  return exists(kHasTable, {name});
}

Result<PutResult, DatabaseFailure> UserDatabase::put_user(std::string_view realm,
                                                          std::string_view name,
                                                          const UserKeys& keys) {
  CHECK(keys.has_sha256);
  const std::string md5 = to_hex(keys.md5);
  const std::string sha256 = to_hex(keys.sha256);
  const std::string userhash = to_hex(stun::userhash(name, realm));
  auto transaction = Transaction::begin(connection_, Transaction::Kind::write);
  if (!transaction) return unexpected(transaction.error());
  const auto had_table = has_table(turnpike_user_table().name);
  if (!had_table) return unexpected(had_table.error());
  if (!*had_table) {
    if (auto made = connection_.execute(turnpike_user_table().create, {}); !made) {
      return unexpected(made.error());
    }
  }
  const auto existed = exists(kUserExists, {realm, name});
  if (!existed) return unexpected(existed.error());
  // Another tool removes users without their limits, which are not those of a namesake.
  if (!*existed) {
    if (auto forgotten = remove_user_options(realm, name); !forgotten) {
      return unexpected(forgotten.error());
    }
  }
  if (auto put = connection_.execute(kPutUser, {realm, name, md5}); !put) {
    return unexpected(put.error());
  }
  if (auto put = connection_.execute(kPutTurnpikeUser, {realm, name, sha256, userhash, md5});
      !put) {
    return unexpected(put.error());
  }
  if (auto committed = transaction->commit(); !committed) return unexpected(committed.error());
  return *existed ? PutResult::replaced : PutResult::added;
}

Result<bool, DatabaseFailure> UserDatabase::remove_user(std::string_view realm,
                                                        std::string_view name) {
  auto transaction = Transaction::begin(connection_, Transaction::Kind::write);
  if (!transaction) return unexpected(transaction.error());
  if (auto removed = connection_.execute(kRemoveUser, {realm, name}); !removed) {
    return unexpected(removed.error());
  }
  const bool existed = connection_.changed_rows() > 0;
  const auto ninth = has_table(turnpike_user_table().name);
  if (!ninth) return unexpected(ninth.error());
  if (*ninth) {
    if (auto removed = connection_.execute(kRemoveTurnpikeUser, {realm, name}); !removed) {
      return unexpected(removed.error());
    }
  }
  if (auto removed = remove_user_options(realm, name); !removed) return unexpected(removed.error());
  if (auto committed = transaction->commit(); !committed) return unexpected(committed.error());
  return existed;
}

Result<void, DatabaseFailure> UserDatabase::remove_user_options(std::string_view realm,
                                                                std::string_view name) {
  const auto tenth = has_table(kUserOptionTable.name);
  if (!tenth) return unexpected(tenth.error());
  if (!*tenth) return {};
  return connection_.execute(kRemoveUserOptions, {realm, name});
}

Result<std::vector<StoredUser>, DatabaseFailure> UserDatabase::users(
    std::optional<std::string_view> realm) {
  const auto ninth = has_table(turnpike_user_table().name);
  if (!ninth) return unexpected(ninth.error());
  auto statement = connection_.prepare(*ninth ? kListUsers : kListUsersOfCoturn);
  if (!statement) return unexpected(statement.error());
  std::vector<StoredUser> users;
  Rows rows = statement->run({realm ? "one" : "all", realm.value_or("")});
  while (rows.next()) {
    users.push_back(
        {std::string(rows.text(0)), std::string(rows.text(1)), sha256_state(rows.text(2))});
  }
  if (rows.failed()) return unexpected(connection_.last_failure());
  return users;
}

Result<bool, DatabaseFailure> UserDatabase::has_user(std::string_view realm,
                                                     std::string_view name) {
  return exists(kUserExists, {realm, name});
}

Result<void, DatabaseFailure> UserDatabase::change_options(
    std::string_view realm, std::string_view name, const std::vector<OptionChange>& changes) {
  auto transaction = Transaction::begin(connection_, Transaction::Kind::write);
  if (!transaction) return unexpected(transaction.error());
  if (!name.empty()) {
    if (auto made = connection_.execute(kUserOptionTable.create, {}); !made) return made;
  }
  for (const OptionChange& change : changes) {
    if (auto changed = change_option(realm, name, change); !changed) return changed;
  }
  return transaction->commit();
}

Result<void, DatabaseFailure> UserDatabase::change_option(std::string_view realm,
                                                          std::string_view name,
                                                          const OptionChange& change) {
  const auto& [option, value] = change;
  if (name.empty()) {
    if (!value) return connection_.execute(kRemoveRealmOption, {realm, option});
    return connection_.execute(kPutRealmOption, {realm, option, *value});
  }
  if (!value) return connection_.execute(kRemoveUserOption, {realm, name, option});
  return connection_.execute(kPutUserOption, {realm, name, option, *value});
}

Result<std::vector<StoredOption>, DatabaseFailure> UserDatabase::options(std::string_view realm,
                                                                         std::string_view name) {
  std::vector<StoredOption> options;
  if (!name.empty()) {
    const auto made = has_table(kUserOptionTable.name);
    if (!made) return unexpected(made.error());
    if (!*made) return options;
  }
  auto statement = connection_.prepare(name.empty() ? kRealmOptions : kUserOptions);
  if (!statement) return unexpected(statement.error());
  Rows rows = name.empty() ? statement->run({realm}) : statement->run({realm, name});
  while (rows.next()) options.push_back({std::string(rows.text(0)), std::string(rows.text(1))});
  if (rows.failed()) return unexpected(connection_.last_failure());
  return options;
}

Result<PutResult, DatabaseFailure> UserDatabase::put_secret(std::string_view realm,
                                                            std::string_view value) {
  if (auto put = connection_.execute(kPutSecret, {realm, value}); !put) {
    return unexpected(put.error());
  }
  return connection_.changed_rows() > 0 ? PutResult::added : PutResult::unchanged;
}

Result<bool, DatabaseFailure> UserDatabase::remove_secret(std::string_view realm,
                                                          std::string_view value) {
  if (auto removed = connection_.execute(kRemoveSecret, {realm, value}); !removed) {
    return unexpected(removed.error());
  }
  return connection_.changed_rows() > 0;
}

Result<std::vector<StoredSecret>, DatabaseFailure> UserDatabase::secrets(
    std::optional<std::string_view> realm) {
  auto statement = connection_.prepare(kListSecrets);
  if (!statement) return unexpected(statement.error());
  std::vector<StoredSecret> secrets;
  Rows rows = statement->run({realm ? "one" : "all", realm.value_or("")});
  while (rows.next()) secrets.push_back({std::string(rows.text(0)), std::string(rows.text(1))});
  if (rows.failed()) return unexpected(connection_.last_failure());
  return secrets;
}

Result<std::vector<std::string>, DatabaseFailure> UserDatabase::realms_with_users() {
  auto statement = connection_.prepare(kRealmsWithUsers);
  if (!statement) return unexpected(statement.error());
  std::vector<std::string> realms;
  Rows rows = statement->run({});
  while (rows.next()) realms.emplace_back(rows.text(0));
  if (rows.failed()) return unexpected(connection_.last_failure());
  return realms;
}

Result<void, DatabaseFailure> ensure_user_database(const std::string& path,
                                                   ParentDirectories parents) {
  const std::string absolute = absolute_path(path);
  // One that is there is not even opened for writing: it may be one that we may only read.
  if (auto existing = UserDatabase::open(absolute, UserDatabase::Open::read_only); existing) {
    return {};
  }
  if (parents == ParentDirectories::make) {
    if (auto made = make_parent_directories(absolute); !made) return made;
  }
  if (auto created = UserDatabase::open(absolute, UserDatabase::Open::create_if_missing);
      !created) {
    return unexpected(created.error());
  }
  return {};
}

}  // namespace turnpike::auth
