#include "auth/store/layered_user_store.h"

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
    all.has_users = all.has_users || one->has_users;
    all.all_users_have_sha256 = all.all_users_have_sha256 && one->all_users_have_sha256;
    // The first that says something counts.
    const auto take_first = [](auto& to, const auto& from) { to = to ? to : from; };
    take_first(all.limits.max_bps, one->limits.max_bps);
    take_first(all.limits.user_quota, one->limits.user_quota);
    take_first(all.limits.total_quota, one->limits.total_quota);
    // Unlike keys, limits of a name are the database's alone: the configuration has none.
    for (auto& [name, limits] : one->user_limits) all.user_limits.try_emplace(name, limits);
    for (std::string& secret : one->shared_secrets) {
      all.shared_secrets.push_back(std::move(secret));
    }
    all.peer_rules.insert(all.peer_rules.end(), one->peer_rules.begin(), one->peer_rules.end());
  }
  return all;
}

}  // namespace turnpike::auth
