#include "auth/long_term.h"

#include <algorithm>

#include "auth/time_limited.h"
#include "base/wire.h"
#include "stun/attributes.h"

namespace turnpike::auth {
namespace {

using stun::AttributeType;
using stun::ErrorCode;
using stun::IntegrityKind;
using stun::MessageView;
using stun::PasswordAlgorithm;

constexpr Challenged wrong(Fault fault) {
  return {ErrorCode::unauthenticated, fault};
}

// The integrity attribute that counts, and where what it covers ends: of two, the SHA-256 one is
// verified, and only what stands before both is covered.
struct Integrity {
  IntegrityKind kind;
  size_t covered;
};

std::optional<Integrity> find_integrity(const MessageView& message) {
  const auto sha1 = message.find_attribute(AttributeType::message_integrity);
  const auto sha256 = message.find_attribute(AttributeType::message_integrity_sha256);
  if (sha256 && sha1)
    return Integrity{IntegrityKind::sha256, std::min(sha1->offset, sha256->offset)};
  if (sha256) return Integrity{IntegrityKind::sha256, sha256->offset};
  if (sha1) return Integrity{IntegrityKind::sha1, sha1->offset};
  return {};
}

// RFC 8489 section 9.2.4: which algorithm makes the key; nothing when the attributes do not fit
// what the nonce says was offered.
std::optional<PasswordAlgorithm> choose_algorithm(const MessageView& covered, bool offered) {
  const auto one = covered.find(AttributeType::password_algorithm);
  const auto list = covered.find(AttributeType::password_algorithms);
  if (!offered || (!one && !list)) return PasswordAlgorithm::md5;
  if (!one || !list) return {};
  // Four bytes for each: its number, and that it has no parameters.
  WireReader reader(*list);
  bool as_sent = list->size() == 4 * LongTermPolicy::kAlgorithms.size();
  for (const PasswordAlgorithm offer : LongTermPolicy::kAlgorithms) {
    as_sent = as_sent && reader.u16() == static_cast<uint16_t>(offer) && reader.u16() == 0;
  }
  if (!as_sent) return {};
  return stun::decode_password_algorithm(*one);
}

// One candidate after another is tried on the same message.
class Attempt {
 public:
  Attempt(const std::string& realm, const MessageView& message, const Integrity& integrity,
          PasswordAlgorithm algorithm)
      : realm_(realm), message_(message), integrity_(integrity), algorithm_(algorithm) {}

  [[nodiscard]] bool fits(const UserKeys& keys) const {
    const ByteView key = keys.of(algorithm_);
    return !key.empty() && stun::verify_integrity(message_, integrity_.kind, key);
  }

  [[nodiscard]] Identity identity(std::string_view name, const UserKeys& keys) const {
    Identity who;
    who.realm = realm_;
    who.name = name;
    who.quota_name = name;
    who.keys = keys;
    who.algorithm = algorithm_;
    who.integrity = integrity_.kind;
    who.covered = integrity_.covered;
    return who;
  }

 private:
  const std::string& realm_;
  const MessageView& message_;
  const Integrity& integrity_;
  PasswordAlgorithm algorithm_;
};

std::optional<Identity> try_shared_secrets(const LongTermPolicy& policy, std::string_view name,
                                           WallTime now, const Attempt& attempt) {
  if (policy.shared_secrets.empty()) return {};
  const auto parsed = parse_time_limited(name, policy.separator);
  if (!parsed) return {};
  for (const std::string& secret : policy.shared_secrets) {
    const auto keys =
        UserKeys::from_password(name, policy.realm, time_limited_password(secret, name));
    if (!attempt.fits(keys)) continue;
    Identity who = attempt.identity(name, keys);
    who.proof = Proof::shared_secret;
    who.quota_name = parsed->user;
    who.expired = parsed->expires_unix_s < unix_seconds(now);
    return who;
  }
  return {};
}

// RFC 7635: who shows a token shows that he has its key by the integrity of the message.
Verdict check_token(std::string_view realm, std::string_view kid, const AccessToken& token,
                    const Integrity& integrity, const MessageView& message, WallTime now) {
  if (!token.is_good_at(now)) return wrong(Fault::bad_token);
  if (!stun::verify_integrity(message, integrity.kind, token.mac_key())) {
    return wrong(Fault::bad_token);
  }
  Identity who;
  who.proof = Proof::access_token;
  who.realm = realm;
  who.name = kid;
  who.quota_name = kid;
  who.token = token;
  who.integrity = integrity.kind;
  who.covered = integrity.covered;
  return who;
}

// A message with an ACCESS-TOKEN is about that and nothing else.
Verdict check_sealed_token(const LongTermPolicy& policy, std::optional<ByteView> kid,
                           ByteView sealed, const Integrity& integrity, const MessageView& message,
                           WallTime now) {
  if (!kid) return Refused{ErrorCode::bad_request};
  if (policy.token_keys == nullptr) return wrong(Fault::bad_token);
  const auto key = policy.token_keys->find(as_text(*kid));
  if (key == policy.token_keys->end()) return wrong(Fault::bad_token);
  if (!key->second.is_good_at(now) || !key->second.is_for(policy.realm)) {
    return wrong(Fault::bad_token);
  }
  const auto token = open_access_token(key->second, policy.token_server_name, sealed);
  if (!token) return wrong(Fault::bad_token);
  const bool is_short =
      !stun::verify_integrity(message, integrity.kind, token->mac_key()) &&
      stun::verify_integrity(message, integrity.kind, token->with_short_key().mac_key());
  return check_token(policy.realm, key->first, is_short ? token->with_short_key() : *token,
                     integrity, message, now);
}

// The keys of any other owner are empty, and an empty key is known to everybody.
bool has_stored_keys(Proof proof) {
  return proof == Proof::stored_key || proof == Proof::shared_secret;
}

// Whether the message is of the owner of a session that a token has begun, and comes without one.
bool speaks_for_token(const KnownOwner* owner, const LongTermPolicy& policy,
                      std::optional<ByteView> kid, const Integrity& integrity,
                      const MessageView& message) {
  return owner != nullptr && owner->proof == Proof::access_token && owner->token != nullptr &&
         owner->realm == policy.realm && kid && as_text(*kid) == owner->name &&
         stun::verify_integrity(message, integrity.kind, owner->token->mac_key());
}

}  // namespace

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::none:
      return "none";
    case Fault::wrong_realm:
      return "wrong realm";
    case Fault::unknown_user:
      return "unknown user";
    case Fault::wrong_password:
      return "wrong password";
    case Fault::bad_token:
      return "bad access token";
    case Fault::expired:
      return "expired";
  }
  return "?";
}

Verdict LongTerm::check(const LongTermPolicy& policy, const MessageView& message,
                        const Endpoint& client, const Now& now, const KnownOwner* owner) const {
  // RFC 8489 section 9.2.4, in its order, but for the nonce: it is checked before the user, so that
  // a source that cannot receive our answers never makes us look anybody up.
  const auto integrity = find_integrity(message);
  if (!integrity) return Challenged{ErrorCode::unauthenticated};

  const MessageView covered = message.limit_to(integrity->covered);
  const auto username = covered.find(AttributeType::username);
  const auto userhash = covered.find(AttributeType::userhash);
  const auto realm = covered.find(AttributeType::realm);
  const auto nonce = covered.find(AttributeType::nonce);
  if ((!username && !userhash) || !realm || !nonce) return Refused{ErrorCode::bad_request};
  if (username && username->size() > kMaxUsernameSize) return Refused{ErrorCode::bad_request};
  if (userhash && userhash->size() != stun::Sha256Mac().size()) {
    return Refused{ErrorCode::bad_request};
  }

  const auto checked = mint_.check(*nonce, client, now.wall);
  if (checked.state != NonceMint::State::fresh) return Challenged{ErrorCode::stale_nonce};
  if (as_text(*realm) != policy.realm) return wrong(Fault::wrong_realm);

  if (!policy.token_server_name.empty()) {
    if (const auto sealed = covered.find(AttributeType::access_token)) {
      return check_sealed_token(policy, username, *sealed, *integrity, message, now.wall);
    }
    if (speaks_for_token(owner, policy, username, *integrity, message)) {
      return check_token(policy.realm, owner->name, *owner->token, *integrity, message, now.wall);
    }
  }

  const auto algorithm = choose_algorithm(covered, checked.features.password_algorithms);
  if (!algorithm) return Refused{ErrorCode::bad_request};
  const Attempt attempt(policy.realm, message, *integrity, *algorithm);

  if (username) {
    if (auto who = try_shared_secrets(policy, as_text(*username), now.wall, attempt)) return *who;
  }
  if (!policy.has_stored_users) {
    const bool is_time_limited =
        username && !policy.shared_secrets.empty() &&
        parse_time_limited(as_text(*username), policy.separator).has_value();
    return wrong(is_time_limited ? Fault::wrong_password : Fault::unknown_user);
  }

  NeedsKey needed;
  needed.realm = policy.realm;
  if (username) {
    needed.name = as_text(*username);
    needed.cache_key = KeyCache::key_of(policy.realm, needed.name);
  } else {
    std::copy(userhash->begin(), userhash->end(), needed.userhash.begin());
    needed.cache_key = KeyCache::key_of(policy.realm, needed.userhash);
  }
  const KeyCache::Answer* answer = cache_.find(needed.cache_key, now.mono);
  if (answer == nullptr) return needed;
  if (*answer) {
    if (!attempt.fits((*answer)->keys)) return wrong(Fault::wrong_password);
    return attempt.identity((*answer)->name, (*answer)->keys);
  }
  if (answer->error() == LookupError::not_found) return wrong(Fault::unknown_user);

  const bool is_owner = owner != nullptr && has_stored_keys(owner->proof) &&
                        owner->realm == policy.realm &&
                        (username ? owner->name == needed.name
                                  : stun::userhash(owner->name, policy.realm) == needed.userhash);
  if (is_owner && attempt.fits(owner->keys)) {
    Identity who = attempt.identity(owner->name, owner->keys);
    who.proof = owner->proof;
    return who;
  }
  return Refused{ErrorCode::server_error};
}

}  // namespace turnpike::auth
