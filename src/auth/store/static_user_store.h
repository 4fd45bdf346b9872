// Users from the configuration. They don't change while the server runs; a reload makes a new
// store.
//
// Names and passwords are compared as the bytes they are, case included. RFC 8489 asks for the
// OpaqueString profile of RFC 8265, whose only effect on ordinary text is to compose characters
// (NFC) and to turn exotic spaces into plain ones. That needs Unicode's tables; without them the
// bytes are left alone, which is also what coturn and the browsers do.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/user_store.h"

namespace turnpike::auth {

class StaticUserStore final : public UserStore {
 public:
  explicit StaticUserStore(std::string realm) : realm_(std::move(realm)) {}

  // A user that is added again has the last of its passwords.
  void add_password(std::string_view name, std::string_view password);
  // Can use MD5 only: a SHA-256 key can't be made from this one.
  void add_key(std::string_view name, const Md5Key& key);

  [[nodiscard]] size_t size() const { return users_.size(); }

  Result<UserRecord, LookupError> find(std::string_view realm, std::string_view name) override;
  Result<UserRecord, LookupError> find_by_userhash(std::string_view realm,
                                                   const stun::Sha256Mac& userhash) override;
  bool changed() override { return false; }
  Result<StoreState, LookupError> state(std::string_view realm) override;

 private:
  void add(std::string_view name, const UserKeys& keys);

  const std::string realm_;
  std::map<std::string, UserKeys, std::less<>> users_;
  std::map<stun::Sha256Mac, std::string> names_;  // By userhash.
};

}  // namespace turnpike::auth
