#include "turn/permissions.h"

#include <algorithm>

namespace turnpike::turn {

bool Permissions::has_room(const Ip& ip, size_t cap, Instant now) {
  const auto is_it = [&ip](const Permission& p) { return p.ip == ip; };
  if (std::any_of(entries_.begin(), entries_.end(), is_it)) return true;
  if (entries_.size() < cap) return true;
  std::erase_if(entries_, [now](const Permission& p) { return p.deadline <= now; });
  return entries_.size() < cap;
}

void Permissions::install(const Ip& ip, PeerReach reach, Instant deadline) {
  for (Permission& p : entries_) {
    if (p.ip != ip) continue;
    p.reach = reach;
    p.deadline = deadline;
    return;
  }
  entries_.push_back({ip, deadline, reach});
}

bool Channels::may_bind(uint16_t number, const Endpoint& peer, Instant now) const {
  return std::none_of(entries_.begin(), entries_.end(), [&](const Channel& c) {
    return now < c.deadline && (c.number == number) != (c.peer == peer);
  });
}

bool Channels::has_room(uint16_t number, size_t cap, Instant now) {
  const auto is_it = [number](const Channel& c) { return c.number == number; };
  if (std::any_of(entries_.begin(), entries_.end(), is_it)) return true;
  if (entries_.size() < cap) return true;
  std::erase_if(entries_, [now](const Channel& c) { return c.deadline <= now; });
  return entries_.size() < cap;
}

void Channels::bind(const Channel& channel) {
  Channel bound = channel;
  // An expired binding of the number or of the peer must not shadow the new one.
  std::erase_if(entries_, [&bound](const Channel& c) {
    if (c.number == bound.number && c.peer == bound.peer) bound.last_used = c.last_used;
    return c.number == bound.number || c.peer == bound.peer;
  });
  entries_.push_back(bound);
}

void Channels::permission_refreshed(const Ip& ip, Instant deadline) {
  for (Channel& c : entries_) {
    if (c.peer.ip == ip) c.permission_deadline = deadline;
  }
}

void Permissions::erase(IpFamily family) {
  std::erase_if(entries_, [family](const Permission& p) { return p.ip.family() == family; });
}

void Channels::erase(IpFamily family) {
  std::erase_if(entries_, [family](const Channel& c) { return c.peer.ip.family() == family; });
}

}  // namespace turnpike::turn
