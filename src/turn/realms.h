// The realms that one server serves: its own, and those that an ORIGIN leads to.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "auth/long_term.h"
#include "auth/user_store.h"
#include "stun/message.h"
#include "turn/settings.h"

namespace turnpike::turn {

// What counts in one of them.
struct RealmRules {
  auth::LongTermPolicy policy;
  auth::QuotaLimits quota;
  SessionRates rates;
  std::shared_ptr<const PeerPolicy> peers;
  // Of users with limits of their own. Valid until the next renew().
  const std::map<std::string, auth::StoredLimits, std::less<>>* user_limits = nullptr;

  // nullptr: the user has none of his own. Only names with a key in the store do.
  [[nodiscard]] const auth::StoredLimits* own_limits(auth::Proof proof,
                                                     std::string_view user) const;
};

class Realms {
 public:
  // `store` outlives this, or is replaced by the next call.
  void renew(const Settings& settings, const auth::StoreState& store);

  [[nodiscard]] const RealmRules& own() const { return own_; }
  // nullptr: there is no such realm (any more).
  [[nodiscard]] const RealmRules* find(std::string_view name) const;
  // By the message's ORIGIN; nullptr: it has none that is known.
  [[nodiscard]] const RealmRules* find_by_origin(const stun::MessageView& message) const;

 private:
  RealmRules own_;
  std::map<std::string, RealmRules, std::less<>> others_;
  const std::map<std::string, std::string, std::less<>>* realm_of_origin_ = nullptr;
};

}  // namespace turnpike::turn
