// Peer rules, options of realms and origins in the user database.
#include "auth/origin.h"
#include "auth/store/schema.h"
#include "auth/store/user_database.h"
#include "auth/store/user_queries.h"

namespace turnpike::auth {
namespace {

using Action = StoredPeerRule::Action;

PutResult put_result(const SqliteConnection& connection) {
  return connection.changed_rows() > 0 ? PutResult::added : PutResult::unchanged;
}

}  // namespace

Result<void, DatabaseFailure> UserDatabase::each_row_of(
    std::string_view table, std::string_view sql, const std::function<void(const Rows&)>& visit) {
  auto read = [&]() -> Result<void, DatabaseFailure> {
    auto statement = connection_.prepare(sql);
    if (!statement) return unexpected(statement.error());
    Rows rows = statement->run({});
    while (rows.next()) visit(rows);
    if (rows.failed()) return unexpected(connection_.last_failure());
    return {};
  }();
  if (read) return read;
  // Only a table that is known not to be there is one without rows: what else fails has failed.
  const auto is_there = has_table(table);
  if (is_there && !*is_there) return {};
  return read;
}

Result<std::vector<PeerRuleRow>, DatabaseFailure> UserDatabase::peer_rules() {
  std::vector<PeerRuleRow> rules;
  const auto read = [&](std::string_view table, std::string_view sql, Action action) {
    return each_row_of(table, sql, [&](const Rows& rows) {
      rules.push_back({std::string(rows.text(0)), {action, std::string(rows.text(1))}});
    });
  };
  if (auto allowed = read("allowed_peer_ip", kAllowedPeers, Action::allow); !allowed) {
    return unexpected(allowed.error());
  }
  if (auto denied = read("denied_peer_ip", kDeniedPeers, Action::deny); !denied) {
    return unexpected(denied.error());
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
  const auto read = each_row_of("turn_realm_option", kListRealmOptions, [&](const Rows& rows) {
    options.push_back(
        {std::string(rows.text(0)), {std::string(rows.text(1)), std::string(rows.text(2))}});
  });
  if (!read) return unexpected(read.error());
  return options;
}

Result<uint64_t, DatabaseFailure> UserDatabase::remove_realm_options(std::string_view realm) {
  if (auto removed = connection_.execute(kRemoveRealmOptions, {realm}); !removed) {
    return unexpected(removed.error());
  }
  return static_cast<uint64_t>(connection_.changed_rows());
}

Result<PutResult, DatabaseFailure> UserDatabase::put_origin(std::string_view origin,
                                                            std::string_view realm) {
  const std::string canonical = canonical_origin(origin).value_or(std::string(origin));
  auto transaction = Transaction::begin(connection_, Transaction::Kind::write);
  if (!transaction) return unexpected(transaction.error());
  const auto same = exists(kOriginLeadsTo, {canonical, realm});
  if (!same) return unexpected(same.error());
  if (*same) return PutResult::unchanged;
  const auto known = exists(kOriginExists, {canonical});
  if (!known) return unexpected(known.error());
  if (auto put = connection_.execute(kPutOrigin, {canonical, realm}); !put) {
    return unexpected(put.error());
  }
  if (auto done = transaction->commit(); !done) return unexpected(done.error());
  return *known ? PutResult::replaced : PutResult::added;
}

Result<bool, DatabaseFailure> UserDatabase::remove_origin(std::string_view origin) {
  const std::string canonical = canonical_origin(origin).value_or(std::string(origin));
  if (auto removed = connection_.execute(kRemoveOrigin, {origin, canonical}); !removed) {
    return unexpected(removed.error());
  }
  return connection_.changed_rows() > 0;
}

Result<std::vector<OriginRow>, DatabaseFailure> UserDatabase::origins() {
  std::vector<OriginRow> origins;
  const auto read = each_row_of("turn_origin_to_realm", kListOrigins, [&](const Rows& rows) {
    origins.push_back({std::string(rows.text(0)), std::string(rows.text(1))});
  });
  if (!read) return unexpected(read.error());
  return origins;
}

Result<std::optional<uint64_t>, DatabaseFailure> UserDatabase::row_count(std::string_view table) {
  for (const Table& known : kUserDatabaseTables) {
    if (known.name != table) continue;
    std::optional<uint64_t> count;
    // The name comes from our own table of tables: SQL has no parameters for names.
    const auto read =
        each_row_of(known.name, "select count(*) from " + std::string(known.name),
                    [&](const Rows& rows) { count = static_cast<uint64_t>(rows.integer(0)); });
    if (!read) return unexpected(read.error());
    return count;
  }
  return std::optional<uint64_t>();
}

}  // namespace turnpike::auth
