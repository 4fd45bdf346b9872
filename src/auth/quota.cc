#include "auth/quota.h"

#include "base/check.h"

namespace turnpike::auth {

void QuotaLease::reset() {
  if (ledger_ != nullptr) ledger_->give_back(*entry_);
  ledger_ = nullptr;
  entry_ = nullptr;
}

QuotaLease QuotaLedger::take(std::string_view user, const QuotaLimits& limits) {
  const std::lock_guard lock(mutex_);
  if (limits.total != 0 && total_ >= limits.total) return {};
  const auto it = users_.try_emplace(std::string(user), 0).first;
  if (limits.per_user != 0 && it->second >= limits.per_user) {
    if (it->second == 0) users_.erase(it);
    return {};
  }
  ++it->second;
  ++total_;
  return {this, &*it};
}

void QuotaLedger::give_back(QuotaLease::Entry& entry) {
  const std::lock_guard lock(mutex_);
  CHECK(entry.second > 0 && total_ > 0);
  --total_;
  if (--entry.second == 0) users_.erase(users_.find(entry.first));
}

uint64_t QuotaLedger::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

uint64_t QuotaLedger::held_by(std::string_view user) const {
  const std::lock_guard lock(mutex_);
  const auto it = users_.find(std::string(user));
  return it == users_.end() ? 0 : it->second;
}

}  // namespace turnpike::auth
