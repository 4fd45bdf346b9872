#include "server/refusal_log.h"

#include <algorithm>
#include <iterator>

#include "stun/types.h"

namespace turnpike::server {

void RefusalLog::add(const turn::CredentialsRefused& event, WallTime now) {
  keep({now, event.tuple, event.user.substr(0, kLongestName), "credentials",
        static_cast<uint16_t>(stun::ErrorCode::unauthenticated),
        std::string(auth::to_string(event.fault))});
}

void RefusalLog::add(const turn::RequestRefused& event, WallTime now) {
  keep({now, event.tuple, event.user.substr(0, kLongestName), std::string(stun::name(event.method)),
        static_cast<uint16_t>(event.code), std::string(stun::reason(event.code))});
}

void RefusalLog::add(const turn::PeerRefused& event, WallTime now) {
  std::string reason = event.peer.to_string();
  reason.append(" is refused: ").append(turn::to_string(event.reason));
  reason.append(" (allowed by ").append(turn::option_that_allows(event.reason)).append(")");
  keep({now, event.tuple, event.user.substr(0, kLongestName), "peer",
        static_cast<uint16_t>(stun::ErrorCode::forbidden), std::move(reason)});
}

void RefusalLog::keep(Refusal&& refusal) {
  if (ring_.size() < kKept) {
    ring_.push_back(std::move(refusal));
    return;
  }
  ring_[next_] = std::move(refusal);
  next_ = (next_ + 1) % kKept;
}

std::vector<Refusal> RefusalLog::newest(size_t limit) const {
  std::vector<Refusal> list;
  for (size_t i = 0; i < std::min(limit, ring_.size()); ++i) {
    list.push_back(ring_[(next_ + ring_.size() - 1 - i) % ring_.size()]);
  }
  return list;
}

std::vector<Refusal> merge_refusals(std::vector<std::vector<Refusal>> lists, size_t limit) {
  std::vector<Refusal> all;
  for (auto& list : lists) std::move(list.begin(), list.end(), std::back_inserter(all));
  std::stable_sort(all.begin(), all.end(),
                   [](const Refusal& a, const Refusal& b) { return a.at > b.at; });
  if (all.size() > limit) all.resize(limit);
  return all;
}

}  // namespace turnpike::server
