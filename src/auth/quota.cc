#include "auth/quota.h"

#include "base/check.h"

namespace turnpike::auth {

void QuotaLease::reset() {
  if (ledger_ != nullptr) ledger_->give_back(*realm_, *entry_);
  ledger_ = nullptr;
  realm_ = nullptr;
  entry_ = nullptr;
}

QuotaLease QuotaLedger::take(std::string_view realm, std::string_view user,
                             const QuotaLimits& limits) {
  const std::lock_guard lock(mutex_);
  const auto home = realms_.try_emplace(std::string(realm)).first;
  QuotaLease::Holdings& held = home->second;
  if (limits.total != 0 && held.total >= limits.total) return {};
  const auto it = held.users.try_emplace(std::string(user), 0).first;
  if (limits.per_user != 0 && it->second >= limits.per_user) {
    if (it->second == 0) held.users.erase(it);
    if (held.total == 0) realms_.erase(home);
    return {};
  }
  ++it->second;
  ++held.total;
  return {this, &*home, &*it};
}

void QuotaLedger::give_back(QuotaLease::Realm& realm, QuotaLease::Entry& entry) {
  const std::lock_guard lock(mutex_);
  QuotaLease::Holdings& held = realm.second;
  CHECK(entry.second > 0 && held.total > 0);
  --held.total;
  if (--entry.second == 0) held.users.erase(held.users.find(entry.first));
  if (held.total == 0) realms_.erase(realms_.find(realm.first));
}

uint64_t QuotaLedger::total() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& [name, held] : realms_) sum += held.total;
  return sum;
}

uint64_t QuotaLedger::held_by(std::string_view realm, std::string_view user) const {
  const std::lock_guard lock(mutex_);
  const auto home = realms_.find(std::string(realm));
  if (home == realms_.end()) return 0;
  const auto it = home->second.users.find(std::string(user));
  return it == home->second.users.end() ? 0 : it->second;
}

}  // namespace turnpike::auth
