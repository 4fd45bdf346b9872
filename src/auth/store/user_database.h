// The user database as the command-line tools see it: for reading and writing, one short
// transaction a call, safe beside a running server and beside coturn's turnadmin.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credentials.h"
#include "auth/store/database_error.h"
#include "auth/store/sqlite_connection.h"
#include "auth/user_store.h"
#include "base/result.h"
#include "base/time.h"

namespace turnpike::auth {

// Whether a stored user can use SHA-256.
enum class Sha256State : uint8_t {
  valid,
  absent,  // Added by another tool.
  stale,   // Another tool has changed the password since.
};

struct StoredUser {
  std::string realm;
  std::string name;
  Sha256State sha256;
};

struct StoredSecret {
  std::string realm;
  std::string value;
};

struct StoredOption {
  std::string option;
  std::string value;
};

// A row of allowed_peer_ip or denied_peer_ip; an empty realm means every realm.
struct PeerRuleRow {
  std::string realm;
  StoredPeerRule rule;
};

struct OptionChange {
  std::string option;
  std::optional<std::string> value;  // Nothing: remove it.
};

// A row of turn_realm_option.
struct RealmOptionRow {
  std::string realm;
  StoredOption option;
};

struct OriginRow {
  std::string origin;
  std::string realm;
};

enum class PutResult : uint8_t { added, replaced, unchanged };

class UserDatabase {
 public:
  enum class Open : uint8_t {
    read_only,
    existing,
    create_if_missing,  // With its tables, when the file is missing or holds none.
  };
  // A command can wait a while for another writer.
  static constexpr milliseconds kBusyTimeout{5000};

  static Result<UserDatabase, DatabaseFailure> open(const std::string& path, Open how,
                                                    milliseconds busy_timeout = kBusyTimeout);

  // `keys` must hold both keys.
  Result<PutResult, DatabaseFailure> put_user(std::string_view realm, std::string_view name,
                                              const UserKeys& keys);
  // False: there was no such user.
  Result<bool, DatabaseFailure> remove_user(std::string_view realm, std::string_view name);
  // Of one realm or of all, ordered by realm and name.
  Result<std::vector<StoredUser>, DatabaseFailure> users(std::optional<std::string_view> realm);

  // Options of a realm (when `name` is empty) or of a user in it, such as "max-bps": all of them or
  // none.
  Result<void, DatabaseFailure> change_options(std::string_view realm, std::string_view name,
                                               const std::vector<OptionChange>& changes);
  Result<std::vector<StoredOption>, DatabaseFailure> options(std::string_view realm,
                                                             std::string_view name);
  Result<bool, DatabaseFailure> has_user(std::string_view realm, std::string_view name);

  Result<PutResult, DatabaseFailure> put_secret(std::string_view realm, std::string_view value);
  Result<bool, DatabaseFailure> remove_secret(std::string_view realm, std::string_view value);
  Result<std::vector<StoredSecret>, DatabaseFailure> secrets(std::optional<std::string_view> realm);

  // In user_database_rules.cc. A database that lacks the table is one without such rows; to put one
  // there fails.
  Result<std::vector<PeerRuleRow>, DatabaseFailure> peer_rules();
  Result<PutResult, DatabaseFailure> put_peer_rule(std::string_view realm,
                                                   const StoredPeerRule& rule);
  Result<bool, DatabaseFailure> remove_peer_rule(std::string_view realm,
                                                 const StoredPeerRule& rule);
  Result<std::vector<RealmOptionRow>, DatabaseFailure> realm_options();
  // Of all options; how many there were.
  Result<uint64_t, DatabaseFailure> remove_realm_options(std::string_view realm);
  // Origins are stored in their canonical form (auth/origin.h).
  Result<std::vector<OriginRow>, DatabaseFailure> origins();
  Result<PutResult, DatabaseFailure> put_origin(std::string_view origin, std::string_view realm);
  // Whichever way it is written there.
  Result<bool, DatabaseFailure> remove_origin(std::string_view origin);
  // Rows of a table of ours; nothing when there is no such table.
  Result<std::optional<uint64_t>, DatabaseFailure> row_count(std::string_view table);

  // Realms with at least one user, in order.
  Result<std::vector<std::string>, DatabaseFailure> realms_with_users();

 private:
  explicit UserDatabase(SqliteConnection connection) : connection_(std::move(connection)) {}
  Result<void, DatabaseFailure> create_tables();
  Result<bool, DatabaseFailure> exists(std::string_view sql,
                                       std::initializer_list<std::string_view> values);
  Result<bool, DatabaseFailure> has_table(std::string_view name);
  Result<void, DatabaseFailure> change_option(std::string_view realm, std::string_view name,
                                              const OptionChange& change);
  Result<void, DatabaseFailure> remove_user_options(std::string_view realm, std::string_view name);
  // Of a statement without values; a table that is not there has no rows.
  Result<void, DatabaseFailure> each_row_of(std::string_view table, std::string_view sql,
                                            const std::function<void(const Rows&)>& visit);

  SqliteConnection connection_;
};

// Makes the database at `path` if there is none; leaves any other as it is. With the parent
// directories if `path` is ours to choose (a default), without if it is an operator's.
enum class ParentDirectories : uint8_t { make, expect };
Result<void, DatabaseFailure> ensure_user_database(const std::string& path,
                                                   ParentDirectories parents);

}  // namespace turnpike::auth
