// The permissions and channels of one allocation (RFC 8656 sections 9 and 12): small arrays that
// are scanned, since a session has a handful of peers. Expiry is a comparison at use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"

namespace turnpike::turn {

// How a permitted peer may be reached. Peers at one of our own relay addresses are delivered in
// process while an allocation lives there; the network is a second way only where policy allows it.
enum class PeerReach : uint8_t { network, own_relay, own_relay_or_network };

struct Permission {
  Ip ip;
  Instant deadline;
  PeerReach reach = PeerReach::network;
};

struct Channel {
  Endpoint peer;
  uint16_t number = 0;
  PeerReach reach = PeerReach::network;
  Instant deadline;
  Instant permission_deadline;  // Kept equal to that of the peer's permission.
  // When data last went through, either way; for operators. The epoch: never. (Mutable: looking a
  // channel up is otherwise a question that changes nothing.)
  mutable Instant last_used{};
};

class Permissions {
 public:
  // nullptr: there is none, or it has expired.
  [[nodiscard]] const Permission* find(const Ip& ip, Instant now) const {
    for (const Permission& p : entries_) {
      if (p.ip == ip) return now < p.deadline ? &p : nullptr;
    }
    return nullptr;
  }

  // Room for `ip` under `cap`, dropping expired entries when it is tight.
  [[nodiscard]] bool has_room(const Ip& ip, size_t cap, Instant now);
  // Requires has_room().
  void install(const Ip& ip, PeerReach reach, Instant deadline);

  void erase(IpFamily family);
  // judge(ip, reach) is false for a peer that may not be reached any more, or sets how it may. It
  // is not asked about what has expired.
  template <typename Judge>
  void judge_anew(Instant now, const Judge& judge) {
    std::erase_if(entries_,
                  [&](Permission& p) { return p.deadline <= now || !judge(p.ip, p.reach); });
  }

  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::vector<Permission>& entries() const { return entries_; }

 private:
  std::vector<Permission> entries_;
};

class Channels {
 public:
  // Bound, with both the binding and the permission alive.
  [[nodiscard]] const Channel* usable_by_number(uint16_t number, Instant now) const {
    for (const Channel& c : entries_) {
      if (c.number == number) {
        return now < c.deadline && now < c.permission_deadline ? &c : nullptr;
      }
    }
    return nullptr;
  }
  [[nodiscard]] const Channel* usable_by_peer(const Endpoint& peer, Instant now) const {
    for (const Channel& c : entries_) {
      if (c.peer.port == peer.port && c.peer.ip == peer.ip) {
        return now < c.deadline && now < c.permission_deadline ? &c : nullptr;
      }
    }
    return nullptr;
  }

  [[nodiscard]] bool is_bound(const Endpoint& peer, Instant now) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Channel& c) { return c.peer == peer && now < c.deadline; });
  }
  // RFC 8656 section 12.2: false when the number or the peer is bound to another.
  [[nodiscard]] bool may_bind(uint16_t number, const Endpoint& peer, Instant now) const;
  [[nodiscard]] bool has_room(uint16_t number, size_t cap, Instant now);
  // Requires may_bind() and has_room().
  void bind(const Channel& channel);
  // A permission for `ip` was installed or refreshed.
  void permission_refreshed(const Ip& ip, Instant deadline);

  void erase(IpFamily family);
  template <typename Judge>
  void judge_anew(const Judge& judge) {
    std::erase_if(entries_, [&](Channel& c) { return !judge(c.peer.ip, c.reach); });
  }

  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::vector<Channel>& entries() const { return entries_; }

 private:
  std::vector<Channel> entries_;
};

}  // namespace turnpike::turn
