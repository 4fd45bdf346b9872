// Several stores as one: the first that knows a name decides.
#pragma once

#include <memory>
#include <vector>

#include "auth/user_store.h"

namespace turnpike::auth {

class LayeredUserStore final : public UserStore {
 public:
  // In the order in which they are asked: users of the configuration before those of a database.
  explicit LayeredUserStore(std::vector<std::unique_ptr<UserStore>> layers)
      : layers_(std::move(layers)) {}

  // A layer that can't answer ends the search: a later one must not decide about a name that the
  // earlier one may hold.
  Result<UserRecord, LookupError> find(std::string_view realm, std::string_view name) override;
  Result<UserRecord, LookupError> find_by_userhash(std::string_view realm,
                                                   const stun::Sha256Mac& userhash) override;
  bool changed() override;
  // Of all layers together; unavailable when one of them is.
  Result<StoreState, LookupError> state(std::string_view realm) override;

 private:
  const std::vector<std::unique_ptr<UserStore>> layers_;
};

}  // namespace turnpike::auth
