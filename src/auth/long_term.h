// The server's side of the long-term credential mechanism, RFC 8489 section 9.2.4, as a pure
// function of a message, the time and what is known of users.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "auth/access_token.h"
#include "auth/credentials.h"
#include "auth/key_cache.h"
#include "auth/nonce.h"
#include "base/time.h"
#include "stun/message.h"

namespace turnpike::auth {

// What is in force; a new one replaces it as a whole.
struct LongTermPolicy {
  std::string realm;
  std::vector<std::string> shared_secrets;  // For time-limited users; empty: there are none.
  char separator = ':';
  bool has_stored_users = true;  // False saves the question to the store.
  SecurityFeatures offered;
  // RFC 7635: the name that tokens are sealed for; empty: none are taken.
  std::string token_server_name;
  // By kid; nullptr: there are none. Outlives the policy.
  const std::map<std::string, AccessTokenKey, std::less<>>* token_keys = nullptr;

  // What PASSWORD-ALGORITHMS says when the feature is offered, preferred first.
  static constexpr std::array kAlgorithms = {stun::PasswordAlgorithm::sha256,
                                             stun::PasswordAlgorithm::md5};
};

// What somebody showed that he has.
enum class Proof : uint8_t {
  nothing,        // The server asks for nothing.
  stored_key,     // Of a user of the store.
  shared_secret,  // A time-limited password made with it.
  access_token,   // Of somebody else's giving (RFC 7635); the name is that of the key, the kid.
};

// Who sent a request, and how its answer is to be sealed.
struct Identity {
  Proof proof = Proof::stored_key;
  std::string realm;
  std::string name;
  std::string quota_name;  // `name` without a time limit's timestamp.
  UserKeys keys;
  std::optional<AccessToken> token;  // Of Proof::access_token, and its key instead of `keys`.
  stun::PasswordAlgorithm algorithm = stun::PasswordAlgorithm::md5;
  stun::IntegrityKind integrity = stun::IntegrityKind::sha1;
  bool expired = false;  // A time-limited name whose time is over, but with the right password.
  size_t covered = 0;    // Attributes from this offset on are not covered by the integrity.

  [[nodiscard]] ByteView key() const { return token ? token->mac_key() : keys.of(algorithm); }
};

// What is wrong with credentials: for the log alone, since clients are told nothing of it.
enum class Fault : uint8_t {
  none,  // There were none yet, or only the nonce is old.
  wrong_realm,
  unknown_user,
  wrong_password,
  bad_token,
  expired,  // A time-limited name, with the right password.
};
std::string_view to_string(Fault fault);

// Challenged: an answer with REALM, NONCE and, if offered, PASSWORD-ALGORITHMS.
struct Challenged {
  stun::ErrorCode code;  // 401 or 438.
  Fault fault = Fault::none;
};
struct Refused {
  stun::ErrorCode code;
};
// The store has to be asked; then the same message is checked again.
struct NeedsKey {
  std::string cache_key;  // As of KeyCache::key_of.
  std::string realm;
  std::string name;  // Empty when the message has a USERHASH.
  stun::Sha256Mac userhash{};
};

using Verdict = std::variant<Identity, Challenged, Refused, NeedsKey>;

// The owner of the allocation that the message is about, if there is one: while the store can't
// answer, the keys that made the allocation go on being good for it. A token made it, if at all,
// for its requests without one: RFC 7635 wants it in Allocate and Refresh only.
struct KnownOwner {
  Proof proof;  // Not `nothing`: who had nothing to show has no keys.
  std::string_view realm;
  std::string_view name;
  const UserKeys& keys;
  const AccessToken* token = nullptr;  // Of Proof::access_token, and none of any other.
};

class LongTerm {
 public:
  LongTerm(const NonceMint& mint, KeyCache& cache) : mint_(mint), cache_(cache) {}

  [[nodiscard]] Verdict check(const LongTermPolicy& policy, const stun::MessageView& message,
                              const Endpoint& client, const Now& now,
                              const KnownOwner* owner) const;

 private:
  const NonceMint& mint_;
  KeyCache& cache_;
};

}  // namespace turnpike::auth
