#include "auth/store/layered_user_store.h"

#include <iterator>
#include <utility>

namespace turnpike::auth {
namespace {

template <typename Ask>
Result<UserRecord, LookupError> first_answer(const std::vector<std::unique_ptr<UserStore>>& layers,
                                             const Ask& ask) {
  for (const auto& layer : layers) {
    auto answer = ask(*layer);
    if (answer || answer.error() != LookupError::not_found) return answer;
  }
  return unexpected(LookupError::not_found);
}

void merge(RealmState& all, RealmState&& one) {
  all.has_users = all.has_users || one.has_users;
  all.all_users_have_sha256 = all.all_users_have_sha256 && one.all_users_have_sha256;
  // The first that says something counts.
  const auto take_first = [](auto& to, const auto& from) { to = to ? to : from; };
  take_first(all.limits.max_bps, one.limits.max_bps);
  take_first(all.limits.user_quota, one.limits.user_quota);
  take_first(all.limits.total_quota, one.limits.total_quota);
  // Unlike keys, limits of a name are the database's alone: the configuration has none.
  all.user_limits.merge(one.user_limits);
  std::move(one.shared_secrets.begin(), one.shared_secrets.end(),
            std::back_inserter(all.shared_secrets));
  std::move(one.peer_rules.begin(), one.peer_rules.end(), std::back_inserter(all.peer_rules));
}

}  // namespace

Result<UserRecord, LookupError> LayeredUserStore::find(std::string_view realm,
                                                       std::string_view name) {
  return first_answer(layers_, [&](UserStore& store) { return store.find(realm, name); });
}

Result<UserRecord, LookupError> LayeredUserStore::find_by_userhash(
    std::string_view realm, const stun::Sha256Mac& userhash) {
  return first_answer(layers_,
                      [&](UserStore& store) { return store.find_by_userhash(realm, userhash); });
}

bool LayeredUserStore::changed() {
  bool any = false;
  // Each layer is asked, since asking also makes it remember what it has told.
  for (const auto& layer : layers_) any = layer->changed() || any;
  return any;
}

Result<StoreState, LookupError> LayeredUserStore::state(std::string_view realm) {
  StoreState all;
  for (const auto& layer : layers_) {
    auto one = layer->state(realm);
    if (!one) return one;
    all.realm_of_origin.merge(one->realm_of_origin);
    all.token_keys.merge(one->token_keys);
    for (auto& [name, other] : one->other_realms) {
      merge(all.other_realms[name], std::move(other));
    }
    merge(all, std::move(*one));
  }
  return all;
}

}  // namespace turnpike::auth
