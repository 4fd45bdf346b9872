#include "client/keep_alive.h"

#include <algorithm>

#include "client/turn_session.h"

namespace turnpike::client {

using stun::Method;

namespace {

// As many IPv6 peers as fit a packet of 1200 bytes beside a long name, realm and nonce.
constexpr size_t kPeersPerRequest = 24;

}  // namespace

void TurnSession::set_lifetime(Instant from, Duration lifetime) {
  const Duration margin = lifetime >= 2 * kAllocationMargin ? kAllocationMargin : lifetime / 2;
  allocation_->lifetime = lifetime;
  allocation_->ends_at = from + lifetime;
  allocation_->refresh_at = allocation_->ends_at - margin;
}

void TurnSession::add_permission(Instant from, const Endpoint& peer) {
  if (!permits(peer.ip)) permissions_.push_back(peer);
  // One request refreshes them all, when the oldest is due.
  permissions_refresh_at_ = std::min(permissions_refresh_at_, from + kPermissionRefresh);
}

void TurnSession::keep_alive(Instant now, Output& out) {
  if (now >= allocation_->refresh_at) {
    // Not again before the answer to this one.
    allocation_->refresh_at = Instant::max();
    const auto lifetime = std::chrono::duration_cast<seconds>(allocation_->lifetime);
    transmit(
        now,
        Question{.request = RequestId::automatic, .method = Method::refresh, .lifetime = lifetime},
        1, out);
  }
  if (now >= permissions_refresh_at_) refresh_permissions(now, out);
  for (Channel& channel : channels_) {
    if (now < channel.refresh_at) continue;
    channel.refresh_at = Instant::max();
    transmit(now,
             Question{.request = RequestId::automatic,
                      .method = Method::channel_bind,
                      .channel = channel.number,
                      .peers = {channel.peer}},
             1, out);
  }
}

void TurnSession::refresh_permissions(Instant now, Output& out) {
  permissions_refresh_at_ = now + kPermissionRefresh;
  for (size_t first = 0; first < permissions_.size(); first += kPeersPerRequest) {
    Question question{.request = RequestId::automatic, .method = Method::create_permission};
    const size_t end = std::min(first + kPeersPerRequest, permissions_.size());
    for (size_t i = first; i < end; ++i) question.peers.push_back(permissions_[i]);
    transmit(now, std::move(question), 1, out);
  }
}

}  // namespace turnpike::client
