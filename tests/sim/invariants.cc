#include "sim/invariants.h"

#include <algorithm>

#include "stun/attributes.h"
#include "stun/channel_data.h"
#include "stun/demux.h"

namespace turnpike::sim {

using stun::AttributeType;
using stun::Class;
using stun::Method;

namespace {

// Transactions that are remembered; the oldest go when there are more.
constexpr size_t kMaxAsked = 20'000;

std::optional<uint32_t> lifetime_of(const stun::MessageView& message) {
  const auto value = message.find(AttributeType::lifetime);
  return value ? stun::decode_u32(*value) : std::nullopt;
}

uint16_t code_of(const stun::MessageView& message) {
  const auto value = message.find(AttributeType::error_code);
  const auto error = value ? stun::decode_error_code(*value) : std::nullopt;
  return error ? error->code : 0;
}

}  // namespace

Endpoint Ledger::external(Endpoint endpoint) const {
  for (const OwnAddress& own : own_) {
    if (endpoint.ip == own.local) endpoint.ip = own.external;
  }
  return endpoint;
}

const Ledger::Open* Ledger::live(const FiveTuple& client, Instant now) const {
  const auto it = open_.find(client);
  return it != open_.end() && now < it->second->deadline ? it->second.get() : nullptr;
}

Ledger::OpenPtr Ledger::at(const FiveTuple& client) const {
  const auto it = open_.find(client);
  return it == open_.end() ? nullptr : it->second;
}

void Ledger::forget(const OpenPtr& open) {
  std::erase_if(open_, [&](const auto& entry) { return entry.second == open; });
}

Verdict Ledger::note_moved(const FiveTuple& from, const FiveTuple& to) {
  note_change();
  const OpenPtr open = at(from);
  if (!open) return {};  // Its connection was lost before, and the answer is yet to come.
  if (at(to) != open) return "a move to where no ticket was shown";
  open_.erase(from);
  open->main = to;
  open->pending.reset();
  return {};
}

void Ledger::note_lost(const FiveTuple& client) {
  note_change();
  const OpenPtr open = at(client);
  if (!open) return;
  open_.erase(client);
  if (open->pending == client) open->pending.reset();
  if (open->main == client) open->main.reset();
}

bool Ledger::holds(const FiveTuple& client, const Endpoint& relayed, Instant now) const {
  const Open* open = live(client, now);
  return open != nullptr &&
         std::find(open->relayed.begin(), open->relayed.end(), relayed) != open->relayed.end();
}

void Ledger::keep_ticket(const OpenPtr& open, const stun::MessageView& success) {
  const auto ticket = success.find(AttributeType::mobility_ticket);
  if (ticket) tickets_[Bytes(ticket->begin(), ticket->end())] = open;
}

std::optional<FiveTuple> Ledger::owner_of(const Endpoint& relayed, Instant now) const {
  for (const auto& [tuple, open] : open_) {
    if (holds(tuple, relayed, now)) return tuple;
  }
  return {};
}

bool Ledger::permits(const FiveTuple& client, const Ip& peer, Instant now) const {
  const Open* open = live(client, now);
  if (open == nullptr) return false;
  const auto it = open->permissions.find(peer);
  return it != open->permissions.end() && now < it->second;
}

void Ledger::note_time(Instant now) {
  const auto passed = [&](Instant deadline) { return looked_at_ < deadline && deadline <= now; };
  for (const auto& [tuple, open] : open_) {
    bool changed = passed(open->deadline);
    for (const auto& [ip, deadline] : open->permissions) changed = changed || passed(deadline);
    for (const auto& [number, channel] : open->channels) {
      changed = changed || passed(channel.deadline);
    }
    if (changed) ++epoch_;
  }
  looked_at_ = now;
}

void Ledger::note_packet(const FiveTuple& client, ByteView packet) {
  if (stun::classify_datagram(packet) != stun::PacketKind::stun) return;
  const auto message = stun::MessageView::parse(packet);
  if (!message || message->message_class() != Class::request) return;
  if (asked_.size() > kMaxAsked) asked_.clear();
  Asked& asked = asked_[{client, message->transaction_id()}];
  if (asked.request.empty()) asked.request.assign(packet.begin(), packet.end());
}

Verdict Ledger::check_to_client(const FiveTuple& client, ByteView packet, Instant now,
                                std::optional<Carried>& carried) {
  if (stun::classify_datagram(packet) == stun::PacketKind::channel_data) {
    const auto data = stun::parse_channel_data(packet);
    const Open* open = live(client, now);
    if (!data || open == nullptr) return "ChannelData to a client without an allocation";
    if (open->main != client) return "ChannelData to a five-tuple that has sent none";
    const auto it = open->channels.find(data->number);
    if (it == open->channels.end() || it->second.deadline <= now) return "an unbound channel";
    if (!permits(client, it->second.peer.ip, now)) return "a channel without a permission";
    carried = {it->second.peer, {data->payload.begin(), data->payload.end()}};
    return {};
  }
  const auto message = stun::MessageView::parse(packet);
  if (!message) return "a malformed message to a client";
  if (message->message_class() != Class::indication) return check_answer(client, *message, now);

  const auto value = message->find(AttributeType::xor_peer_address);
  const auto peer =
      value ? stun::decode_xor_address(*value, message->transaction_id()) : std::nullopt;
  if (message->method() != Method::data || !peer) return "an odd indication";
  const Open* open = live(client, now);
  if (open != nullptr && open->main != client) return "data to a five-tuple that has sent none";
  if (!permits(client, peer->ip, now)) return "data from a peer without a permission";
  const auto data = message->find(AttributeType::data);
  if (data.has_value() == message->has(AttributeType::icmp)) return "data and ICMP at once";
  if (data) carried = {*peer, {data->begin(), data->end()}};
  return {};
}

Verdict Ledger::check_to_peer(const Endpoint& relayed, const Endpoint& peer, Instant now) const {
  const auto owner = owner_of(relayed, now);
  if (!owner) return "a datagram from a relayed address that nobody holds";
  if (!permits(*owner, peer.ip, now)) return "a datagram to a peer without a permission";
  return {};
}

Verdict Ledger::check_answer(const FiveTuple& client, const stun::MessageView& answer,
                             Instant now) {
  const auto it = asked_.find({client, answer.transaction_id()});
  if (it == asked_.end()) return "an answer that nobody asked for";
  Asked& asked = it->second;
  const auto request = *stun::MessageView::parse(asked.request);
  if (request.method() != answer.method()) return "an answer of another method";

  // Credentials come and go by time and store; all else may change its mind only when something
  // has changed.
  const uint16_t code = code_of(answer);
  const std::string kind =
      answer.message_class() == Class::success ? "success" : std::to_string(code);
  const bool about_credentials = code == 401 || code == 438 || code == 500;
  if (!about_credentials) {
    if (!asked.answer.empty() && asked.answer != kind && asked.epoch == epoch_) {
      return "two kinds of answer to one transaction: " + asked.answer + " and " + kind;
    }
    asked.answer = kind;
    asked.epoch = epoch_;
  }
  if (answer.message_class() == Class::success) return apply(client, request, answer, now);
  return {};
}

Verdict Ledger::apply(const FiveTuple& client, const stun::MessageView& request,
                      const stun::MessageView& success, Instant now) {
  switch (request.method()) {
    case Method::allocate:
      apply_allocate(client, success, now);
      break;
    case Method::refresh:
      return apply_refresh(client, request, success, now);
    case Method::create_permission:
    case Method::channel_bind:
      apply_permissions(client, request, now);
      break;
    case Method::binding:
    case Method::send:
    case Method::data:
    case Method::connect:
    case Method::connection_bind:
    case Method::connection_attempt:
      break;
  }
  return {};
}

void Ledger::apply_allocate(const FiveTuple& client, const stun::MessageView& success,
                            Instant now) {
  Open fresh;
  for (const stun::Attribute& attribute : success) {
    if (attribute.type != AttributeType::xor_relayed_address) continue;
    fresh.relayed.push_back(*stun::decode_xor_address(attribute.value, success.transaction_id()));
  }
  fresh.deadline = now + seconds(lifetime_of(success).value_or(0));
  const Open* existing = live(client, now);
  const bool again = existing != nullptr && existing->relayed == fresh.relayed;
  if (!again) {
    fresh.main = client;
    open_[client] = std::make_shared<Open>(std::move(fresh));
  }
  keep_ticket(open_[client], success);
}

Verdict Ledger::apply_refresh(const FiveTuple& client, const stun::MessageView& request,
                              const stun::MessageView& success, Instant now) {
  OpenPtr open = at(client);
  const auto ticket = request.find(AttributeType::mobility_ticket);
  if (ticket) {
    const auto issued = tickets_.find(Bytes(ticket->begin(), ticket->end()));
    if (issued == tickets_.end()) return "a move with a ticket that was never issued";
    open = issued->second;
  }
  if (!open) return "a Refresh of nothing";
  const uint32_t lifetime = lifetime_of(success).value_or(0);
  if (lifetime == 0) {
    forget(open);
    // RFC 8656 section 8.2: asked again, the server says that there is none.
    note_change();
    return {};
  }
  open->deadline = now + seconds(lifetime);
  if (!ticket) return {};
  keep_ticket(open, success);
  return apply_move(client, open);
}

Verdict Ledger::apply_move(const FiveTuple& client, const OpenPtr& open) {
  const OpenPtr present = at(client);
  if (present == open) return {};  // Asked again.
  note_change();
  if (present && live(client, looked_at_) != nullptr) return "a move onto another allocation";
  if (open->pending) open_.erase(*open->pending);
  open->pending = client;
  open_[client] = open;
  if (!open->main) {
    open->main = client;
    open->pending.reset();
  }
  return {};
}

void Ledger::apply_permissions(const FiveTuple& client, const stun::MessageView& request,
                               Instant now) {
  if (!open_[client]) open_[client] = std::make_shared<Open>();
  Open& open = *open_[client];
  for (const stun::Attribute& attribute : request) {
    if (attribute.type != AttributeType::xor_peer_address) continue;
    const Endpoint peer =
        external(*stun::decode_xor_address(attribute.value, request.transaction_id()));
    // What is new may change the answer to a request that was turned down before.
    if (!permits(client, peer.ip, now)) note_change();
    open.permissions[peer.ip] = now + permission_lifetime_;
    const auto value = request.find(AttributeType::channel_number);
    if (request.method() != Method::channel_bind || !value) continue;
    const uint16_t number = *stun::decode_channel_number(*value);
    const auto bound = open.channels.find(number);
    if (bound == open.channels.end() || bound->second.deadline <= now) note_change();
    std::erase_if(open.channels, [&](const auto& entry) { return entry.second.peer == peer; });
    open.channels[number] = {peer, now + channel_lifetime_};
    return;
  }
}

}  // namespace turnpike::sim
