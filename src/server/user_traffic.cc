#include "server/user_traffic.h"

#include <algorithm>

namespace turnpike::server {
namespace {

turn::Traffic minus(const turn::Traffic& a, const turn::Traffic& b) {
  return {a.packets - b.packets, a.bytes - b.bytes};
}

void add_to(turn::Traffic& sum, const turn::Traffic& more) {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}

UserTraffic::Totals minus(const UserTraffic::Totals& a, const UserTraffic::Totals& b) {
  return {minus(a.from_client, b.from_client), minus(a.to_client, b.to_client)};
}

void add_to(UserTraffic::Totals& sum, const UserTraffic::Totals& more) {
  add_to(sum.from_client, more.from_client);
  add_to(sum.to_client, more.to_client);
}

// No two pairs have the same, whatever clients call themselves.
std::string place_key(std::string_view realm, std::string_view user) {
  std::string key = std::to_string(realm.size()) + " ";
  key.append(realm).append(user);
  return key;
}

}  // namespace

UserTraffic::UserTraffic(uint32_t workers, By by) : by_(by) {
  for (uint32_t i = 0; i < workers; ++i) books_.push_back(std::make_unique<Book>());
  // A place never moves, though nothing points to one but by its index.
  places_.reserve(kPlaces);
}

void UserTraffic::book(uint32_t worker, turn::Allocation& allocation, Instant now) {
  turn::Account& account = allocation.account;
  if (account.slot == turn::Account::kNone) {
    account.slot = enter(allocation.realm, allocation.quota.user(), now);
  }
  if (account.from_client.packets == allocation.from_client.packets &&
      account.to_client.packets == allocation.to_client.packets) {
    return;
  }
  add(worker, account.slot, minus(allocation.from_client, account.from_client),
      minus(allocation.to_client, account.to_client));
  account.from_client = allocation.from_client;
  account.to_client = allocation.to_client;
}

void UserTraffic::close(uint32_t worker, const turn::AllocationClosed& closed, Instant now) {
  turn::Account account = closed.account;
  // Shorter than a second: it was never booked.
  if (account.slot == turn::Account::kNone) {
    account.slot = enter(closed.realm, closed.quota_user, now);
  }
  add(worker, account.slot, minus(closed.from_client, account.from_client),
      minus(closed.to_client, account.to_client));
  leave(account.slot, now);
}

void UserTraffic::add(uint32_t worker, uint32_t slot, const turn::Traffic& from_client,
                      const turn::Traffic& to_client) {
  Slot& to = (*books_.at(worker))[slot];
  to.from_client_packets.add(from_client.packets);
  to.from_client_bytes.add(from_client.bytes);
  to.to_client_packets.add(to_client.packets);
  to.to_client_bytes.add(to_client.bytes);
}

uint32_t UserTraffic::enter(std::string_view realm, std::string_view user, Instant now) {
  if (by_ == By::realm) user = {};
  std::string key = place_key(realm, user);
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    ++places_[known->second].sessions;
    return known->second;
  }
  Place* place = find_place(now);
  if (place == nullptr) return kOthers;
  const auto slot = static_cast<uint32_t>(place - places_.data());
  const Totals now_there = sum(slot);
  *place = {std::string(realm), std::string(user), 1, now, now_there};
  by_key_.emplace(std::move(key), slot);
  return slot;
}

UserTraffic::Place* UserTraffic::find_place(Instant now) {
  if (places_.size() < kPlaces) return &places_.emplace_back();
  const auto longest_gone =
      std::min_element(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
        return std::pair(a.sessions > 0, a.left) < std::pair(b.sessions > 0, b.left);
      });
  if (longest_gone->sessions > 0 || now - longest_gone->left < kPlaceKept) return nullptr;
  const auto slot = static_cast<uint32_t>(longest_gone - places_.begin());
  add_to(gone_, minus(sum(slot), longest_gone->before));
  by_key_.erase(place_key(longest_gone->realm, longest_gone->user));
  return &*longest_gone;
}

void UserTraffic::leave(uint32_t slot, Instant now) {
  if (slot == kOthers) return;
  const std::lock_guard lock(mutex_);
  --places_[slot].sessions;
  places_[slot].left = now;
}

UserTraffic::Totals UserTraffic::sum(uint32_t slot) const {
  Totals sum;
  for (const auto& book : books_) {
    const Slot& from = (*book)[slot];
    add_to(sum, {{from.from_client_packets.get(), from.from_client_bytes.get()},
                 {from.to_client_packets.get(), from.to_client_bytes.get()}});
  }
  return sum;
}

UserTraffic::Report UserTraffic::read() const {
  Report report;
  const std::lock_guard lock(mutex_);
  report.users.reserve(places_.size());
  for (uint32_t slot = 0; slot < places_.size(); ++slot) {
    const Place& place = places_[slot];
    report.users.push_back({place.realm, place.user, minus(sum(slot), place.before)});
  }
  report.others = gone_;
  add_to(report.others, sum(kOthers));
  return report;
}

}  // namespace turnpike::server
