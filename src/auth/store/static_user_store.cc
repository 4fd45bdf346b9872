#include "auth/store/static_user_store.h"

namespace turnpike::auth {

void StaticUserStore::add_password(std::string_view name, std::string_view password) {
  add(name, UserKeys::from_password(name, realm_, password));
}

void StaticUserStore::add_key(std::string_view name, const Md5Key& key) {
  UserKeys keys;
  keys.md5 = key;
  add(name, keys);
}

void StaticUserStore::add(std::string_view name, const UserKeys& keys) {
  users_.insert_or_assign(std::string(name), keys);
  names_.insert_or_assign(stun::userhash(name, realm_), std::string(name));
}

Result<UserRecord, LookupError> StaticUserStore::find(std::string_view realm,
                                                      std::string_view name) {
  const auto user = users_.find(name);
  if (realm != realm_ || user == users_.end()) return unexpected(LookupError::not_found);
  return UserRecord{user->first, user->second};
}

Result<UserRecord, LookupError> StaticUserStore::find_by_userhash(std::string_view realm,
                                                                  const stun::Sha256Mac& userhash) {
  const auto name = names_.find(userhash);
  if (name == names_.end()) return unexpected(LookupError::not_found);
  return find(realm, name->second);
}

Result<StoreState, LookupError> StaticUserStore::state(std::string_view realm) {
  StoreState state;
  if (realm != realm_) return state;
  state.has_users = !users_.empty();
  for (const auto& [name, keys] : users_) {
    state.all_users_have_sha256 = state.all_users_have_sha256 && keys.has_sha256;
  }
  return state;
}

}  // namespace turnpike::auth
