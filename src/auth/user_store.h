// Where users are kept. Implementations may block; only the auth thread and command-line tools
// call them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/access_token.h"
#include "auth/credentials.h"
#include "base/result.h"

namespace turnpike::auth {

// What the store says instead of the configuration, for a realm or for one user. 0 is no limit.
struct StoredLimits {
  std::optional<uint64_t> max_bps;      // Bytes per second and session, each direction.
  std::optional<uint64_t> user_quota;   // Allocations of one user.
  std::optional<uint64_t> total_quota;  // Of all users together; for a realm only.

  friend bool operator==(const StoredLimits&, const StoredLimits&) = default;
};

struct UserRecord {
  std::string name;
  UserKeys keys;
};

enum class LookupError : uint8_t {
  not_found,
  unavailable,  // The store can't answer now: locked, corrupt, gone.
};

// `allowed_peer_ip` or `denied_peer_ip` of the database, for this realm or for all.
struct StoredPeerRule {
  enum class Action : uint8_t { allow, deny };
  Action action = Action::allow;
  std::string range;  // As it stands there.

  friend bool operator==(const StoredPeerRule&, const StoredPeerRule&) = default;
};

// What the server must know of one realm's users as a whole.
struct RealmState {
  bool has_users = false;             // At least one user in the realm.
  bool all_users_have_sha256 = true;  // Each of them has a SHA-256 key (true when there are none).
  std::vector<std::string> shared_secrets;  // For time-limited users, from the store.
  StoredLimits limits{};                    // Of the realm.
  // Of users with limits of their own.
  std::map<std::string, StoredLimits, std::less<>> user_limits{};
  std::vector<StoredPeerRule> peer_rules{};

  friend bool operator==(const RealmState&, const RealmState&) = default;
};

// All that it must know of the store: the server's own realm, and those that an ORIGIN leads to. An
// immutable snapshot, replaced when the store changes.
struct StoreState : RealmState {
  uint64_t generation = 0;  // Grows with every change: what was cached is void.
  std::map<std::string, RealmState, std::less<>> other_realms{};
  // By canonical origin (origin.h); each leads to the own realm or to one of the others.
  std::map<std::string, std::string, std::less<>> realm_of_origin{};
  // Of third-party authorization, by the name that clients give (kid).
  std::map<std::string, AccessTokenKey, std::less<>> token_keys{};

  friend bool operator==(const StoreState&, const StoreState&) = default;
};

class UserStore {
 public:
  virtual ~UserStore() = default;

  virtual Result<UserRecord, LookupError> find(std::string_view realm, std::string_view name) = 0;
  virtual Result<UserRecord, LookupError> find_by_userhash(std::string_view realm,
                                                           const stun::Sha256Mac& userhash) = 0;

  // True when the content may have changed since the last call (cheap; asked twice a second).
  virtual bool changed() = 0;
  // With `realm` as the own one, and generation left at 0 (the auth service counts).
  virtual Result<StoreState, LookupError> state(std::string_view realm) = 0;
};

}  // namespace turnpike::auth
