// Peer rules, options of realms and origins in the user database.
#include "auth/store/schema.h"
#include "auth/store/user_database.h"
#include "auth/store/user_queries.h"

namespace turnpike::auth {
namespace {

using Action = StoredPeerRule::Action;

bool is_missing_table(const DatabaseFailure& failure) {
  return failure.error == DatabaseError::not_a_user_database;
}

PutResult put_result(const SqliteConnection& connection) {
  return connection.changed_rows() > 0 ? PutResult::added : PutResult::unchanged;
}

}  // namespace

Result<void, DatabaseFailure> UserDatabase::read_peer_rules(std::string_view sql, Action action,
                                                            std::vector<PeerRuleRow>& rules) {
  auto statement = connection_.prepare(sql);
  if (!statement && is_missing_table(statement.error())) return {};
  if (!statement) return unexpected(statement.error());
  Rows rows = statement->run({});
  while (rows.next()) {
    rules.push_back({std::string(rows.text(0)), {action, std::string(rows.text(1))}});
  }
  if (rows.failed()) return unexpected(connection_.last_failure());
  return {};
}

Result<std::vector<PeerRuleRow>, DatabaseFailure> UserDatabase::peer_rules() {
  std::vector<PeerRuleRow> rules;
  if (auto read = read_peer_rules(kAllowedPeers, Action::allow, rules); !read) {
    return unexpected(read.error());
  }
  if (auto read = read_peer_rules(kDeniedPeers, Action::deny, rules); !read) {
    return unexpected(read.error());
  }
  return rules;
}

Result<PutResult, DatabaseFailure> UserDatabase::put_peer_rule(std::string_view realm,
                                                               const StoredPeerRule& rule) {
  const auto sql = rule.action == Action::allow ? kPutAllowedPeer : kPutDeniedPeer;
  if (auto put = connection_.execute(sql, {realm, rule.range}); !put) {
    return unexpected(put.error());
  }
  return put_result(connection_);
}

Result<bool, DatabaseFailure> UserDatabase::remove_peer_rule(std::string_view realm,
                                                             const StoredPeerRule& rule) {
  const auto sql = rule.action == Action::allow ? kRemoveAllowedPeer : kRemoveDeniedPeer;
  if (auto removed = connection_.execute(sql, {realm, rule.range}); !removed) {
    return unexpected(removed.error());
  }
  return connection_.changed_rows() > 0;
}

Result<std::vector<RealmOptionRow>, DatabaseFailure> UserDatabase::realm_options() {
  std::vector<RealmOptionRow> options;
  auto statement = connection_.prepare(kListRealmOptions);
  if (!statement && is_missing_table(statement.error())) return options;
  if (!statement) return unexpected(statement.error());
  Rows rows = statement->run({});
  while (rows.next()) {
    options.push_back(
        {std::string(rows.text(0)), {std::string(rows.text(1)), std::string(rows.text(2))}});
  }
  if (rows.failed()) return unexpected(connection_.last_failure());
  return options;
}

Result<PutResult, DatabaseFailure> UserDatabase::put_realm_option(std::string_view realm,
                                                                  const StoredOption& option) {
  if (auto put = connection_.execute(kPutRealmOption, {realm, option.option, option.value}); !put) {
    return unexpected(put.error());
  }
  return put_result(connection_);
}

Result<bool, DatabaseFailure> UserDatabase::remove_realm_option(std::string_view realm,
                                                                std::string_view name) {
  if (auto removed = connection_.execute(kRemoveRealmOption, {realm, name}); !removed) {
    return unexpected(removed.error());
  }
  return connection_.changed_rows() > 0;
}

Result<std::vector<OriginRow>, DatabaseFailure> UserDatabase::origins() {
  std::vector<OriginRow> origins;
  auto statement = connection_.prepare(kListOrigins);
  if (!statement && is_missing_table(statement.error())) return origins;
  if (!statement) return unexpected(statement.error());
  Rows rows = statement->run({});
  while (rows.next()) origins.push_back({std::string(rows.text(0)), std::string(rows.text(1))});
  if (rows.failed()) return unexpected(connection_.last_failure());
  return origins;
}

Result<std::optional<uint64_t>, DatabaseFailure> UserDatabase::row_count(std::string_view table) {
  for (const Table& known : kUserDatabaseTables) {
    if (known.name != table) continue;
    // The name comes from our own table of tables: SQL has no parameters for names.
    auto statement = connection_.prepare("select count(*) from " + std::string(known.name));
    if (!statement && is_missing_table(statement.error())) return std::optional<uint64_t>();
    if (!statement) return unexpected(statement.error());
    Rows rows = statement->run({});
    const bool found = rows.next();
    if (rows.failed()) {
      // Dropped by somebody else after the statement was prepared.
      DatabaseFailure failure = connection_.last_failure();
      if (is_missing_table(failure)) return std::optional<uint64_t>();
      return unexpected(std::move(failure));
    }
    return found ? std::optional(static_cast<uint64_t>(rows.integer(0))) : std::nullopt;
  }
  return std::optional<uint64_t>();
}

}  // namespace turnpike::auth
