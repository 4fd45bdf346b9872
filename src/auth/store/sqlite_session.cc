#include "auth/store/sqlite_session.h"

#include <charconv>

#include "auth/origin.h"
#include "auth/store/schema.h"
#include "auth/store/user_queries.h"
#include "base/hex.h"
#include "base/log.h"

namespace turnpike::auth {
namespace {

// Of a row that turnadmin or `turnpike user limit` wrote. What is not understood is told, once in a
// while: a limit that is not in force must not pass unnoticed.
void take_limit(std::string_view option, std::string_view value, StoredLimits& limits) {
  std::optional<uint64_t>* limit = option == "max-bps"       ? &limits.max_bps
                                   : option == "user-quota"  ? &limits.user_quota
                                   : option == "total-quota" ? &limits.total_quota
                                                             : nullptr;
  uint64_t number = 0;
  const char* end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  if (limit != nullptr && parsed.ec == std::errc() && parsed.ptr == end) {
    *limit = number;
    return;
  }
  log_warning("stored_limit_not_understood", {{"option", option}, {"value", value}});
}

}  // namespace

Result<std::unique_ptr<SqliteSession>, DatabaseFailure> SqliteSession::open(
    const std::string& path, milliseconds busy_timeout) {
  auto connection = SqliteConnection::open(path, SqliteConnection::Access::read, busy_timeout);
  if (!connection) return unexpected(connection.error());
  auto session = std::make_unique<SqliteSession>(std::move(*connection));
  if (auto looked = session->look_for_turnpike_user(); !looked) return unexpected(looked.error());
  // Without users' table it is not a user database.
  if (auto prepared = session->statement(Query::find_user); !prepared) {
    return unexpected(prepared.error());
  }
  return session;
}

// A coturn database has no ninth table, which is in order.
Result<void, DatabaseFailure> SqliteSession::look_for_turnpike_user() {
  constexpr int64_t kKnownColumns = 5;
  return each_row(Query::turnpike_user_columns, {}, [this](const Rows& rows) {
    has_turnpike_user_ = rows.integer(0) == kKnownColumns;
  });
}

std::string_view SqliteSession::sql_of(Query query) const {
  switch (query) {
    case Query::find_user:
      return has_turnpike_user_ ? kFindUser : kFindUserOfCoturn;
    case Query::find_name:
      return kFindName;
    case Query::users_without_userhash:
      return has_turnpike_user_ ? kUsersWithoutUserhash : kUsersWithoutUserhashOfCoturn;
    case Query::name_of_row:
      return kNameOfRow;
    case Query::has_users:
      return kHasUsers;
    case Query::has_user_without_sha256:
      return has_turnpike_user_ ? kHasUserWithoutSha256 : kHasUsers;
    case Query::secrets_of_realm:
      return kSecretsOfRealm;
    case Query::realms_with_users:
      return kRealmsWithUsers;
    case Query::allowed_peers:
      return kAllowedPeers;
    case Query::denied_peers:
      return kDeniedPeers;
    case Query::realm_options:
      return kRealmOptions;
    case Query::options_of_users:
      return kOptionsOfUsers;
    case Query::origins:
      return kListOrigins;
    case Query::token_keys:
      return kTokenKeys;
    case Query::has_table:
      return kHasTable;
    case Query::turnpike_user_columns:
      return kTurnpikeUserColumns;
    case Query::data_version:
      return kDataVersion;
  }
  return {};
}

Result<Statement*, DatabaseFailure> SqliteSession::statement(Query query) {
  std::optional<Statement>& slot = statements_.at(static_cast<size_t>(query));
  if (!slot) {
    auto prepared = connection_.prepare(sql_of(query));
    if (!prepared) return unexpected(prepared.error());
    slot.emplace(std::move(*prepared));
  }
  return &*slot;
}

Result<void, DatabaseFailure> SqliteSession::each_row(
    Query query, std::initializer_list<std::string_view> values,
    const std::function<void(const Rows&)>& visit) {
  const auto prepared = statement(query);
  if (!prepared) return unexpected(prepared.error());
  Rows rows = (*prepared)->run(values);
  while (rows.next()) visit(rows);
  if (rows.failed()) return unexpected(connection_.last_failure());
  return {};
}

Result<void, DatabaseFailure> SqliteSession::each_row_of(
    std::string_view table, Query query, std::initializer_list<std::string_view> values,
    const std::function<void(const Rows&)>& visit) {
  auto read = each_row(query, values, visit);
  if (read) return read;
  bool is_there = false;
  auto looked = each_row(Query::has_table, {table}, [&](const Rows&) { is_there = true; });
  // Only a table that is known not to be there is one without rows: what else fails has failed.
  if (looked && !is_there) return {};
  return read;
}

Result<bool, DatabaseFailure> SqliteSession::any_row(Query query, std::string_view realm) {
  bool found = false;
  auto read = each_row(query, {realm}, [&](const Rows&) { found = true; });
  if (!read) return unexpected(read.error());
  return found;
}

Result<std::optional<UserRecord>, DatabaseFailure> SqliteSession::find(std::string_view realm,
                                                                       std::string_view name) {
  std::optional<UserRecord> user;
  auto read = each_row(Query::find_user, {realm, name}, [&](const Rows& rows) {
    UserRecord record;
    if (!from_hex(rows.text(0), record.keys.md5)) return;
    record.keys.has_sha256 = from_hex(rows.text(1), record.keys.sha256);
    record.name = name;
    user = std::move(record);
  });
  if (!read) return unexpected(read.error());
  return user;
}

Result<std::optional<UserRecord>, DatabaseFailure> SqliteSession::find_by_userhash(
    std::string_view realm, const stun::Sha256Mac& userhash) {
  auto name = name_from_table(realm, userhash);
  if (name && !*name) name = name_from_index(realm, userhash);
  if (!name) return unexpected(name.error());
  if (!*name) return std::optional<UserRecord>();
  return find(realm, **name);
}

Result<std::optional<std::string>, DatabaseFailure> SqliteSession::name_from_table(
    std::string_view realm, const stun::Sha256Mac& userhash) {
  std::optional<std::string> name;
  if (!has_turnpike_user_) return name;
  auto read = each_row(Query::find_name, {realm, to_hex(userhash)}, [&](const Rows& rows) {
    // The column is written by hand too, perhaps; what it says is checked.
    if (stun::userhash(rows.text(0), realm) == userhash) name = rows.text(0);
  });
  if (!read) return unexpected(read.error());
  return name;
}

Result<std::optional<std::string>, DatabaseFailure> SqliteSession::name_from_index(
    std::string_view realm, const stun::Sha256Mac& userhash) {
  if (!index_ || index_->realm != realm) {
    if (auto built = build_index(realm); !built) return unexpected(built.error());
  }
  for (const UserhashIndex::Entry& entry : index_->users.find(userhash)) {
    auto name = name_of_row(entry.row);
    if (!name) return unexpected(name.error());
    if (stun::userhash(*name, realm) == userhash) return std::optional(std::move(*name));
  }
  return std::optional<std::string>();
}

Result<void, DatabaseFailure> SqliteSession::build_index(std::string_view realm) {
  RealmIndex index{.realm = std::string(realm), .users = {}};
  auto read = each_row(Query::users_without_userhash, {realm}, [&](const Rows& rows) {
    index.users.add(stun::userhash(rows.text(1), realm), rows.integer(0));
  });
  if (!read) return read;
  index.users.seal();
  index_ = std::move(index);
  return {};
}

Result<std::string, DatabaseFailure> SqliteSession::name_of_row(int64_t row) {
  const auto prepared = statement(Query::name_of_row);
  if (!prepared) return unexpected(prepared.error());
  Rows rows = (*prepared)->run_with(row);
  std::string name;
  if (rows.next()) name = rows.text(0);
  if (rows.failed()) return unexpected(connection_.last_failure());
  return name;
}

Result<StoreState, DatabaseFailure> SqliteSession::state(std::string_view realm) {
  // One transaction: the parts must belong to the same moment.
  auto transaction = Transaction::begin(connection_, Transaction::Kind::read);
  if (!transaction) return unexpected(transaction.error());
  StoreState state;
  if (auto own = read_realm(realm, state); !own) return unexpected(own.error());
  if (auto origins = read_origins(state); !origins) return unexpected(origins.error());
  if (auto keys = read_token_keys(state); !keys) return unexpected(keys.error());
  for (const auto& [origin, other] : state.realm_of_origin) {
    if (other == realm) continue;
    const auto [place, is_new] = state.other_realms.try_emplace(other);
    if (!is_new) continue;
    if (auto read = read_realm(other, place->second); !read) return unexpected(read.error());
  }
  if (auto ended = transaction->commit(); !ended) return unexpected(ended.error());
  return state;
}

Result<void, DatabaseFailure> SqliteSession::read_realm(std::string_view realm, RealmState& state) {
  const auto has_users = any_row(Query::has_users, realm);
  if (!has_users) return unexpected(has_users.error());
  const auto one_lacks_sha256 = any_row(Query::has_user_without_sha256, realm);
  if (!one_lacks_sha256) return unexpected(one_lacks_sha256.error());
  state.has_users = *has_users;
  state.all_users_have_sha256 = !*one_lacks_sha256;
  auto read = each_row(Query::secrets_of_realm, {realm},
                       [&](const Rows& rows) { state.shared_secrets.emplace_back(rows.text(0)); });
  if (!read) return read;
  if (auto rules = read_rules(realm, state); !rules) return rules;
  return read_limits(realm, state);
}

Result<void, DatabaseFailure> SqliteSession::read_origins(StoreState& state) {
  return each_row_of("turn_origin_to_realm", Query::origins, {}, [&](const Rows& rows) {
    const auto origin = canonical_origin(rows.text(0));
    const std::string_view realm = rows.text(1);
    const bool is_realm = !realm.empty() && realm.size() <= kMaxRealmSize &&
                          realm.find('\0') == std::string_view::npos;
    if (origin && is_realm) {
      state.realm_of_origin.insert_or_assign(*origin, realm);
    } else {
      log_warning("origin_not_understood", {{"origin", rows.text(0)}, {"realm", realm}});
    }
  });
}

Result<void, DatabaseFailure> SqliteSession::read_token_keys(StoreState& state) {
  return each_row_of("oauth_key", Query::token_keys, {}, [&](const Rows& rows) {
    const std::string_view kid = rows.text(0);
    auto key = AccessTokenKey::make(rows.text(1), rows.text(2), rows.integer(4), rows.integer(5),
                                    rows.text(3));
    if (key && !kid.empty() && kid.size() <= kMaxUsernameSize) {
      state.token_keys.insert_or_assign(std::string(kid), std::move(*key));
    } else {
      log_warning("oauth_key_not_understood", {{"kid", kid}, {"algorithm", rows.text(2)}});
    }
  });
}

// Peer rules and options are an addition: a file made by hand may lack their tables.
Result<void, DatabaseFailure> SqliteSession::read_rules(std::string_view realm, RealmState& state) {
  using Action = StoredPeerRule::Action;
  for (const auto& [list, action] :
       {std::pair(PeerList::allowed, Action::allow), std::pair(PeerList::denied, Action::deny)}) {
    auto ranges = peer_ranges(list);
    if (!ranges) return unexpected(ranges.error());
    for (StoredPeerRange& range : *ranges) {
      if (!range.realm.empty() && range.realm != realm) continue;
      state.peer_rules.push_back({action, std::move(range.range)});
    }
  }
  return {};
}

Result<void, DatabaseFailure> SqliteSession::read_limits(std::string_view realm,
                                                         RealmState& state) {
  auto of_realm =
      each_row_of("turn_realm_option", Query::realm_options, {realm},
                  [&](const Rows& rows) { take_limit(rows.text(0), rows.text(1), state.limits); });
  if (!of_realm) return of_realm;
  return each_row_of(kUserOptionTable.name, Query::options_of_users, {realm},
                     [&](const Rows& rows) {
                       StoredLimits& limits = state.user_limits[std::string(rows.text(0))];
                       take_limit(rows.text(1), rows.text(2), limits);
                     });
}

Result<std::vector<std::string>, DatabaseFailure> SqliteSession::realms_with_users() {
  std::vector<std::string> realms;
  auto read = each_row(Query::realms_with_users, {},
                       [&](const Rows& rows) { realms.emplace_back(rows.text(0)); });
  if (!read) return unexpected(read.error());
  return realms;
}

Result<std::vector<StoredPeerRange>, DatabaseFailure> SqliteSession::peer_ranges(PeerList list) {
  std::vector<StoredPeerRange> ranges;
  const bool allowed = list == PeerList::allowed;
  auto read =
      each_row_of(allowed ? "allowed_peer_ip" : "denied_peer_ip",
                  allowed ? Query::allowed_peers : Query::denied_peers, {}, [&](const Rows& rows) {
                    ranges.push_back({std::string(rows.text(0)), std::string(rows.text(1))});
                  });
  if (!read) return unexpected(read.error());
  return ranges;
}

Result<std::vector<StoredRealmOption>, DatabaseFailure> SqliteSession::realm_options(
    std::string_view realm) {
  std::vector<StoredRealmOption> options;
  auto read = each_row(Query::realm_options, {realm}, [&](const Rows& rows) {
    options.push_back({std::string(rows.text(0)), std::string(rows.text(1))});
  });
  if (!read) return unexpected(read.error());
  return options;
}

Result<int64_t, DatabaseFailure> SqliteSession::data_version() {
  int64_t version = 0;
  auto read =
      each_row(Query::data_version, {}, [&](const Rows& rows) { version = rows.integer(0); });
  if (!read) return unexpected(read.error());
  return version;
}

}  // namespace turnpike::auth
