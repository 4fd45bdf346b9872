// An open user database and the questions a server asks of it. Has no opinion about failures, it
// only returns them; SqliteUserStore decides what they mean.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/store/sqlite_connection.h"
#include "auth/store/userhash_index.h"
#include "auth/user_store.h"

namespace turnpike::auth {

// One row of allowed_peer_ip or denied_peer_ip; an empty realm means every realm.
struct StoredPeerRange {
  std::string realm;
  std::string range;
};

// One row of turn_realm_option.
struct StoredRealmOption {
  std::string name;
  std::string value;
};

enum class PeerList : uint8_t { allowed, denied };

class SqliteSession {
 public:
  template <typename T>
  using Answer = Result<T, DatabaseFailure>;

  // Of a connection for which nothing is prepared yet; use open().
  explicit SqliteSession(SqliteConnection connection) : connection_(std::move(connection)) {}
  static Answer<std::unique_ptr<SqliteSession>> open(const std::string& path,
                                                     milliseconds busy_timeout);

  Answer<std::optional<UserRecord>> find(std::string_view realm, std::string_view name);
  Answer<std::optional<UserRecord>> find_by_userhash(std::string_view realm,
                                                     const stun::Sha256Mac& userhash);
  Answer<StoreState> state(std::string_view realm);
  Answer<std::vector<std::string>> realms_with_users();
  Answer<std::vector<StoredPeerRange>> peer_ranges(PeerList list);
  Answer<std::vector<StoredRealmOption>> realm_options(std::string_view realm);
  // Another number after each commit of another connection.
  Answer<int64_t> data_version();

  void set_busy_timeout(milliseconds timeout) { connection_.set_busy_timeout(timeout); }

 private:
  enum class Query : uint8_t {
    find_user,
    find_name,
    users_without_userhash,
    name_of_row,
    has_users,
    has_user_without_sha256,
    secrets_of_realm,
    realms_with_users,
    allowed_peers,
    denied_peers,
    realm_options,
    options_of_users,
    origins,
    token_keys,
    has_table,
    turnpike_user_columns,
    data_version,
  };
  static constexpr size_t kQueries = static_cast<size_t>(Query::data_version) + 1;

  // The users of one realm that only a scan can find by userhash.
  struct RealmIndex {
    std::string realm;
    UserhashIndex users;
  };

  [[nodiscard]] std::string_view sql_of(Query query) const;
  Answer<Statement*> statement(Query query);
  Answer<void> each_row(Query query, std::initializer_list<std::string_view> values,
                        const std::function<void(const Rows&)>& visit);
  // The same for a table that may be missing, which is then one without rows.
  Answer<void> each_row_of(std::string_view table, Query query,
                           std::initializer_list<std::string_view> values,
                           const std::function<void(const Rows&)>& visit);
  Answer<void> look_for_turnpike_user();
  Answer<void> read_realm(std::string_view realm, RealmState& state);
  Answer<void> read_rules(std::string_view realm, RealmState& state);
  Answer<void> read_limits(std::string_view realm, RealmState& state);
  Answer<void> read_origins(StoreState& state);
  Answer<void> read_token_keys(StoreState& state);
  Answer<bool> any_row(Query query, std::string_view realm);
  Answer<std::optional<std::string>> name_from_table(std::string_view realm,
                                                     const stun::Sha256Mac& userhash);
  Answer<std::optional<std::string>> name_from_index(std::string_view realm,
                                                     const stun::Sha256Mac& userhash);
  Answer<void> build_index(std::string_view realm);
  Answer<std::string> name_of_row(int64_t row);

  SqliteConnection connection_;
  std::array<std::optional<Statement>, kQueries> statements_;  // Prepared when first needed.
  bool has_turnpike_user_ = true;  // The ninth table is there, with the columns that we know.
  std::optional<RealmIndex> index_;
};

}  // namespace turnpike::auth
