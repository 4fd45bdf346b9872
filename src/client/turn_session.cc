#include "client/turn_session.h"

#include <algorithm>

#include "stun/demux.h"

namespace turnpike::client {

using stun::Method;

TurnSession::TurnSession(const SessionSettings& settings, RandomSource& random)
    : settings_(&settings), random_(&random), long_term_(settings.credentials) {}

RequestId TurnSession::binding(Instant now, Output& out) {
  return ask(now, Question{.method = Method::binding}, out);
}

RequestId TurnSession::allocate(Instant now, const AllocateOptions& options, Output& out) {
  return ask(now, Question{.method = Method::allocate, .allocate = options}, out);
}

RequestId TurnSession::refresh(Instant now, seconds lifetime, Output& out) {
  return ask(now, Question{.method = Method::refresh, .lifetime = lifetime}, out);
}

RequestId TurnSession::move(Instant now, Output& out) {
  return ask(now, Question{.method = Method::refresh, .moves = true}, out);
}

RequestId TurnSession::create_permission(Instant now, std::span<const Endpoint> peers,
                                         Output& out) {
  return ask(now,
             Question{.method = Method::create_permission, .peers = {peers.begin(), peers.end()}},
             out);
}

RequestId TurnSession::bind_channel(Instant now, uint16_t number, const Endpoint& peer,
                                    Output& out) {
  return ask(now, Question{.method = Method::channel_bind, .channel = number, .peers = {peer}},
             out);
}

bool TurnSession::on_packet(Instant now, ByteView packet, Output& out) {
  bool ours = false;
  switch (stun::classify_datagram(packet)) {
    case stun::PacketKind::channel_data:
      ours = on_channel_data(packet, out);
      break;
    case stun::PacketKind::stun:
      ours = on_stun(now, packet, out);
      break;
    case stun::PacketKind::dtls:
    case stun::PacketKind::junk:
      break;
  }
  if (!ours) ++ignored_;
  return ours;
}

void TurnSession::on_time(Instant now, Output& out) {
  repeat_or_give_up(now, out);
  if (!allocation_) return;
  if (now >= allocation_->ends_at) {
    lose_allocation({.kind = FailureKind::expired}, out);
    return;
  }
  if (settings_->keep_alive == KeepAlive::automatic) keep_alive(now, out);
}

Instant TurnSession::deadline() const {
  Instant first = Instant::max();
  for (const Pending& pending : pending_) first = std::min(first, pending.schedule.deadline());
  if (!allocation_) return first;
  first = std::min(first, allocation_->ends_at);
  if (settings_->keep_alive == KeepAlive::manual) return first;
  first = std::min({first, allocation_->refresh_at, permissions_refresh_at_});
  for (const Channel& channel : channels_) first = std::min(first, channel.refresh_at);
  return first;
}

std::optional<uint16_t> TurnSession::channel_of(const Endpoint& peer) const {
  for (const Channel& channel : channels_) {
    if (channel.peer == peer) return channel.number;
  }
  return {};
}

bool TurnSession::permits(const Ip& peer) const {
  return std::any_of(permissions_.begin(), permissions_.end(),
                     [&](const Endpoint& permitted) { return permitted.ip == peer; });
}

}  // namespace turnpike::client
