// A UserStore that does what a test tells it; from any thread.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "auth/user_store.h"

namespace turnpike::auth {

class FakeUserStore final : public UserStore {
 public:
  static constexpr const char* kRealm = "realm";

  void add(const std::string& name, const std::string& password) {
    const std::lock_guard lock(mutex_);
    users_[name] = UserKeys::from_password(name, kRealm, password);
    state_.has_users = true;
  }
  void set_state(StoreState state) {
    const std::lock_guard lock(mutex_);
    state_ = std::move(state);
  }
  void set_available(bool available) { available_ = available; }
  void set_changed() { changed_ = true; }

  // find() waits while the gate is locked by the test.
  std::mutex gate;

  Result<UserRecord, LookupError> find(std::string_view, std::string_view name) override {
    const std::lock_guard wait(gate);
    if (!available_) return unexpected(LookupError::unavailable);
    const std::lock_guard lock(mutex_);
    const auto user = users_.find(std::string(name));
    if (user == users_.end()) return unexpected(LookupError::not_found);
    return UserRecord{user->first, user->second};
  }

  Result<UserRecord, LookupError> find_by_userhash(std::string_view realm,
                                                   const stun::Sha256Mac& userhash) override {
    std::string found;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, keys] : users_) {
        if (stun::userhash(name, kRealm) == userhash) found = name;
      }
    }
    return find(realm, found);
  }

  bool changed() override { return changed_.exchange(false); }

  Result<StoreState, LookupError> state(std::string_view) override {
    if (!available_) return unexpected(LookupError::unavailable);
    const std::lock_guard lock(mutex_);
    return state_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, UserKeys> users_;  // Guarded by mutex_.
  StoreState state_;                       // Guarded by mutex_.
  std::atomic<bool> available_{true};
  std::atomic<bool> changed_{false};
};

}  // namespace turnpike::auth
