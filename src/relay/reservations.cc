#include "relay/reservations.h"

#include <utility>

namespace turnpike::relay {

void Reservations::put(turn::ReservationToken token, RelaySocket socket, Instant deadline) {
  const std::lock_guard lock(mutex_);
  entries_.insert_or_assign(token, Entry{.socket = std::move(socket), .deadline = deadline});
}

std::optional<RelaySocket> Reservations::take(turn::ReservationToken token, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(token);
  if (found == entries_.end()) return {};
  Entry entry = std::move(found->second);
  entries_.erase(found);
  if (now >= entry.deadline) return {};
  return std::move(entry.socket);
}

size_t Reservations::expire(Instant now) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(entries_, [now](const auto& e) { return now >= e.second.deadline; });
}

size_t Reservations::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace turnpike::relay
