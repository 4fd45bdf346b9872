// Users and shared secrets of an SQLite database with coturn's tables (see schema.h), for the
// server: it only reads, it never creates or alters anything.
//
// Whatever happens to the file, a call answers LookupError::unavailable at worst, says so once in
// the log, and a later call finds the file again when it is back. (The one thing ever written is
// the playing back of a killed writer's journal, see SqliteConnection::open.)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/store/database_error.h"
#include "auth/store/database_file.h"
#include "auth/store/failure_log.h"
#include "auth/store/sqlite_session.h"
#include "auth/user_store.h"
#include "base/time.h"

namespace turnpike::auth {

struct SqliteStoreSettings {
  std::string path;
  // How long a lookup waits for a writer: more than a commit takes, much less than a client waits.
  milliseconds busy_timeout{200};
};

class SqliteUserStore final : public UserStore {
 public:
  explicit SqliteUserStore(const SqliteStoreSettings& settings);

  Result<UserRecord, LookupError> find(std::string_view realm, std::string_view name) override;
  Result<UserRecord, LookupError> find_by_userhash(std::string_view realm,
                                                   const stun::Sha256Mac& userhash) override;
  bool changed() override;
  Result<StoreState, LookupError> state(std::string_view realm) override;

  // Realms with at least one user, in order.
  Result<std::vector<std::string>, LookupError> realms_with_users();
  Result<std::vector<StoredPeerRange>, LookupError> peer_ranges(PeerList list);
  Result<std::vector<StoredRealmOption>, LookupError> realm_options(std::string_view realm);

  // Why the last call could not be answered; nothing when it could.
  [[nodiscard]] const std::optional<DatabaseFailure>& failure() const { return failure_; }

 private:
  // Runs `question` on an open session. Every answer and every failure passes through here, so this
  // is where they are noted.
  template <typename Value, typename Question>
  Result<Value, LookupError> ask(const Question& question);
  template <typename Value, typename Question>
  Result<Value, DatabaseFailure> ask_session(const Question& question);

  Result<void, DatabaseFailure> open_session();
  Result<bool, DatabaseFailure> look_for_change();
  void note_failure(const DatabaseFailure& failure);
  void note_success();

  const SqliteStoreSettings settings_;
  std::unique_ptr<SqliteSession> session_;  // nullptr while the file can't be used.
  FileIdentity identity_;                   // Of the file that the session has open.
  int64_t data_version_ = 0;
  bool opened_anew_ = false;  // Since changed() was last asked.
  std::optional<DatabaseFailure> failure_;
  FailureLog failure_log_;
};

}  // namespace turnpike::auth
