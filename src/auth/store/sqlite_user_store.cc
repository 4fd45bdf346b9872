#include "auth/store/sqlite_user_store.h"

#include <utility>

#include "base/log.h"

namespace turnpike::auth {
namespace {

// SQLite would compare such a text with no end of surprises; a name with a NUL is nobody's.
bool can_be_stored(std::string_view text, size_t max_size) {
  return text.size() <= max_size && text.find('\0') == std::string_view::npos;
}

Result<UserRecord, LookupError> found_or_not(
    Result<std::optional<UserRecord>, LookupError> answer) {
  if (!answer) return unexpected(answer.error());
  if (!*answer) return unexpected(LookupError::not_found);
  return std::move(**answer);
}

}  // namespace

SqliteUserStore::SqliteUserStore(const SqliteStoreSettings& settings)
    : settings_{.path = absolute_path(settings.path), .busy_timeout = settings.busy_timeout} {}

Result<UserRecord, LookupError> SqliteUserStore::find(std::string_view realm,
                                                      std::string_view name) {
  if (!can_be_stored(realm, kMaxRealmSize) || !can_be_stored(name, kMaxUsernameSize)) {
    return unexpected(LookupError::not_found);
  }
  return found_or_not(ask<std::optional<UserRecord>>(
      [&](SqliteSession& session) { return session.find(realm, name); }));
}

Result<UserRecord, LookupError> SqliteUserStore::find_by_userhash(std::string_view realm,
                                                                  const stun::Sha256Mac& userhash) {
  if (!can_be_stored(realm, kMaxRealmSize)) return unexpected(LookupError::not_found);
  return found_or_not(ask<std::optional<UserRecord>>(
      [&](SqliteSession& session) { return session.find_by_userhash(realm, userhash); }));
}

Result<StoreState, LookupError> SqliteUserStore::state(std::string_view realm) {
  return ask<StoreState>([&](SqliteSession& session) { return session.state(realm); });
}

Result<std::vector<std::string>, LookupError> SqliteUserStore::realms_with_users() {
  return ask<std::vector<std::string>>(
      [](SqliteSession& session) { return session.realms_with_users(); });
}

Result<std::vector<StoredPeerRange>, LookupError> SqliteUserStore::peer_ranges(PeerList list) {
  return ask<std::vector<StoredPeerRange>>(
      [&](SqliteSession& session) { return session.peer_ranges(list); });
}

Result<std::vector<StoredRealmOption>, LookupError> SqliteUserStore::realm_options(
    std::string_view realm) {
  return ask<std::vector<StoredRealmOption>>(
      [&](SqliteSession& session) { return session.realm_options(realm); });
}

bool SqliteUserStore::changed() {
  const auto change = look_for_change();
  if (!change) {
    // What cannot be read has not changed for anybody; it will have when it can be read again.
    note_failure(change.error());
    return false;
  }
  note_success();
  opened_anew_ = false;
  return *change;
}

// SQLite's own number tells of every commit to the open file. Beyond it, the file may have become
// another one (replaced by a rename, removed and made again) or have been overwritten in place;
// then everything is read anew. An inode can't be reused while the session holds it open.
Result<bool, DatabaseFailure> SqliteUserStore::look_for_change() {
  const auto identity = FileIdentity::of(settings_.path);
  if (!identity) return unexpected(identity.error());
  if (session_ && *identity == identity_) {
    const auto version = session_->data_version();
    if (!version) return unexpected(version.error());
    if (*version == data_version_) return opened_anew_;
  }
  session_.reset();
  if (auto opened = open_session(); !opened) return unexpected(opened.error());
  return true;
}

Result<void, DatabaseFailure> SqliteUserStore::open_session() {
  if (session_) return {};
  const auto identity = FileIdentity::of(settings_.path);
  if (!identity) return unexpected(identity.error());
  const bool is_locked = failure_ && failure_->error == DatabaseError::locked;
  auto session =
      SqliteSession::open(settings_.path, is_locked ? milliseconds(0) : settings_.busy_timeout);
  if (!session) return unexpected(session.error());
  const auto version = (*session)->data_version();
  if (!version) return unexpected(version.error());
  const auto identity_after = FileIdentity::of(settings_.path);
  if (!identity_after || !identity_after->same_file(*identity)) {
    return unexpected(DatabaseFailure{DatabaseError::failed, "replaced while being opened"});
  }
  session_ = std::move(*session);
  // As it was before: a write since then is noticed the next time.
  identity_ = *identity;
  data_version_ = *version;
  opened_anew_ = true;
  return {};
}

template <typename Value, typename Question>
Result<Value, DatabaseFailure> SqliteUserStore::ask_session(const Question& question) {
  if (auto opened = open_session(); !opened) return unexpected(opened.error());
  return question(*session_);
}

template <typename Value, typename Question>
Result<Value, LookupError> SqliteUserStore::ask(const Question& question) {
  Result<Value, DatabaseFailure> answer = ask_session<Value>(question);
  if (!answer && answer.error().error == DatabaseError::interrupted_write) {
    // A new session plays the killed writer's journal back.
    session_.reset();
    answer = ask_session<Value>(question);
  }
  if (!answer) {
    note_failure(answer.error());
    return unexpected(LookupError::unavailable);
  }
  note_success();
  return std::move(*answer);
}

void SqliteUserStore::note_failure(const DatabaseFailure& failure) {
  if (failure.error != DatabaseError::locked) {
    session_.reset();
  } else if (session_) {
    // One lookup has waited in vain; those behind it in the queue fail at once.
    session_->set_busy_timeout(milliseconds(0));
  }
  failure_ = failure;
  if (const auto times = failure_log_.on_failure(failure.error)) {
    log_error("userdb_unavailable", {{"path", settings_.path},
                                     {"reason", to_string(failure.error)},
                                     {"detail", failure.detail},
                                     {"times", *times}});
  }
}

void SqliteUserStore::note_success() {
  if (failure_ && session_) session_->set_busy_timeout(settings_.busy_timeout);
  failure_.reset();
  if (failure_log_.on_success()) log_info("userdb_available", {{"path", settings_.path}});
}

}  // namespace turnpike::auth
