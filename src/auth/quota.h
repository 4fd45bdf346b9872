// How many allocations a user and all users of a realm may hold. Shared by all workers; asked when
// an allocation is made and when it ends, never for a packet.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace turnpike::auth {

struct QuotaLimits {
  uint64_t per_user = 0;  // 0: no limit.
  uint64_t total = 0;     // Of the realm.
};

class QuotaLedger;

// One allocation's place in the ledger; destroying it gives the place back. Move-only.
class QuotaLease {
 public:
  QuotaLease() = default;
  QuotaLease(QuotaLease&& other) noexcept { *this = std::move(other); }
  QuotaLease& operator=(QuotaLease&& other) noexcept {
    if (this != &other) {
      reset();
      ledger_ = std::exchange(other.ledger_, nullptr);
      realm_ = std::exchange(other.realm_, nullptr);
      entry_ = std::exchange(other.entry_, nullptr);
    }
    return *this;
  }
  ~QuotaLease() { reset(); }

  void reset();
  [[nodiscard]] explicit operator bool() const { return ledger_ != nullptr; }
  // In whose name it is held; valid as long as the lease.
  [[nodiscard]] std::string_view user() const {
    return entry_ == nullptr ? std::string_view() : std::string_view(entry_->first);
  }

 private:
  friend class QuotaLedger;
  using Entry = std::pair<const std::string, uint64_t>;
  struct Holdings {
    uint64_t total = 0;
    std::unordered_map<std::string, uint64_t> users;  // Nodes do not move.
  };
  using Realm = std::pair<const std::string, Holdings>;
  QuotaLease(QuotaLedger* ledger, Realm* realm, Entry* entry)
      : ledger_(ledger), realm_(realm), entry_(entry) {}

  QuotaLedger* ledger_ = nullptr;
  Realm* realm_ = nullptr;
  Entry* entry_ = nullptr;
};

class QuotaLedger {
 public:
  QuotaLedger() = default;
  QuotaLedger(const QuotaLedger&) = delete;
  QuotaLedger& operator=(const QuotaLedger&) = delete;

  // An empty lease when a limit is reached: check and take are one step.
  [[nodiscard]] QuotaLease take(std::string_view realm, std::string_view user,
                                const QuotaLimits& limits);

  // In all realms together.
  [[nodiscard]] uint64_t total() const;
  [[nodiscard]] uint64_t held_by(std::string_view realm, std::string_view user) const;

 private:
  friend class QuotaLease;
  void give_back(QuotaLease::Realm& realm, QuotaLease::Entry& entry);

  mutable std::mutex mutex_;
  // Guarded by mutex_. What holds nothing is not kept.
  std::unordered_map<std::string, QuotaLease::Holdings> realms_;
};

}  // namespace turnpike::auth
