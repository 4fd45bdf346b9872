#include "turn/realms.h"

#include "auth/origin.h"

namespace turnpike::turn {
namespace {

// draft-ietf-tram-stun-origin; IANA never gave it a number, and this is what clients send.
constexpr auto kOrigin = static_cast<stun::AttributeType>(0x802F);

auth::LongTermPolicy make_policy(const std::string& realm, const Settings& settings,
                                 const auth::RealmState& stored) {
  auth::LongTermPolicy policy;
  policy.realm = realm;
  policy.separator = settings.secret_separator;
  if (settings.use_shared_secrets) {
    // The configured secrets are the operator's, whose word counts in every realm.
    policy.shared_secrets = settings.shared_secrets;
    policy.shared_secrets.insert(policy.shared_secrets.end(), stored.shared_secrets.begin(),
                                 stored.shared_secrets.end());
  }
  policy.has_stored_users = stored.has_users;
  // A realm may offer only what every user of it can do, and the hash of a name that carries its
  // own expiry cannot be looked up.
  policy.offered.password_algorithms = stored.all_users_have_sha256;
  policy.offered.username_anonymity =
      stored.has_users && stored.all_users_have_sha256 && policy.shared_secrets.empty();
  policy.token_server_name = settings.token_server_name;
  return policy;
}

RealmRules make_rules(const std::string& realm, const Settings& settings,
                      const auth::RealmState& stored) {
  RealmRules rules;
  rules.policy = make_policy(realm, settings, stored);
  rules.quota = {stored.limits.user_quota.value_or(settings.quota.per_user),
                 stored.limits.total_quota.value_or(settings.quota.total)};
  rules.rates = settings.session;
  rules.rates.bytes_per_s = stored.limits.max_bps.value_or(settings.session.bytes_per_s);
  const auto peers = settings.realm_peers.find(realm);
  rules.peers = peers == settings.realm_peers.end() ? settings.peers : peers->second;
  rules.user_limits = &stored.user_limits;
  return rules;
}

}  // namespace

const auth::StoredLimits* RealmRules::own_limits(auth::Proof proof, std::string_view user) const {
  if (proof != auth::Proof::stored_key || user_limits == nullptr) return nullptr;
  const auto found = user_limits->find(user);
  return found == user_limits->end() ? nullptr : &found->second;
}

void Realms::renew(const Settings& settings, const auth::StoreState& store) {
  own_ = make_rules(settings.realm, settings, store);
  own_.policy.token_keys = &store.token_keys;
  others_.clear();
  for (const auto& [name, stored] : store.other_realms) {
    RealmRules& other = others_.emplace(name, make_rules(name, settings, stored)).first->second;
    other.policy.token_keys = &store.token_keys;
  }
  realm_of_origin_ = settings.realms_by_origin ? &store.realm_of_origin : nullptr;
}

const RealmRules* Realms::find(std::string_view name) const {
  if (name == own_.policy.realm) return &own_;
  const auto found = others_.find(name);
  return found == others_.end() ? nullptr : &found->second;
}

const RealmRules* Realms::find_by_origin(const stun::MessageView& message) const {
  if (realm_of_origin_ == nullptr || realm_of_origin_->empty()) return nullptr;
  // What stands behind an integrity attribute is nobody's word.
  const auto value = message.covered_by_integrity().find(kOrigin);
  if (!value || value->size() > auth::kMaxOriginSize) return nullptr;
  const auto origin = auth::canonical_origin(as_text(*value));
  if (!origin) return nullptr;
  const auto found = realm_of_origin_->find(*origin);
  return found == realm_of_origin_->end() ? nullptr : find(found->second);
}

}  // namespace turnpike::turn
