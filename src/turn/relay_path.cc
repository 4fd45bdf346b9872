// The hot path: ChannelData in, peer datagram in. No allocation, no lock, no clock, no log.
#include <cstring>

#include "stun/builder.h"
#include "stun/channel_data.h"
#include "turn/core.h"
#include "turn/mobility.h"

namespace turnpike::turn {
namespace {

// RFC 8656 section 11.3: header, XOR-PEER-ADDRESS and the header of DATA, for IPv6 at most.
constexpr size_t kDataHeadMax = stun::kHeaderSize + 4 + 20 + 4;

// Writes everything of a Data indication but the payload; its size.
size_t write_data_head(ByteSpan room, const Endpoint& peer, size_t payload_size,
                       RandomSource& random) {
  // An indication is never answered, so its transaction id only has to differ from others.
  stun::TransactionId id;
  const uint64_t number = random.next();
  std::memcpy(id.data(), &number, sizeof(number));
  std::memset(id.data() + 8, 0, 4);
  stun::MessageBuilder builder(room, stun::Method::data, stun::Class::indication, id);
  builder.add_xor_address(stun::AttributeType::xor_peer_address, peer);
  const size_t size = builder.finish().size();
  const size_t padded = (payload_size + 3) & ~size_t{3};
  WireWriter writer(room);
  writer.claim(size);
  writer.patch_u16(2, static_cast<uint16_t>(size - stun::kHeaderSize + 4 + padded));
  writer.u16(static_cast<uint16_t>(stun::AttributeType::data));
  writer.u16(static_cast<uint16_t>(payload_size));
  return writer.size();
}

void push_to_client(const ClientRoute& to, ByteView head, ByteView body, Outbox& out) {
  out.to_client.push_back({to.link, to.tuple.client, to.tuple.server.ip, head, body, Precious::no});
}

// Head and payload as they leave: two views, or one copy where zeros have to follow the payload.
bool push_padded(const ClientRoute& to, ByteView head, ByteView payload, size_t padding,
                 Outbox& out) {
  if (padding == 0) {
    push_to_client(to, head, payload, out);
    return true;
  }
  const ByteSpan copy = out.claim(payload.size() + padding);
  if (copy.empty()) return false;
  WireWriter writer(copy);
  writer.bytes(payload);
  writer.zeros(padding);
  push_to_client(to, head, copy, out);
  return true;
}

bool send_channel_data(const ClientRoute& to, uint16_t number, ByteView payload, Outbox& out) {
  const ByteSpan head = out.claim(stun::kChannelHeaderSize);
  if (head.empty()) return false;
  const auto header = stun::channel_header(number, payload.size());
  std::memcpy(head.data(), header.data(), header.size());
  // RFC 8656 section 12.5: padded over streams only.
  const bool padded = is_stream(to.tuple.transport);
  return push_padded(to, head, payload, padded ? stun::channel_padding(payload.size()) : 0, out);
}

bool send_data_indication(const ClientRoute& to, const Endpoint& peer, ByteView payload,
                          RandomSource& random, Outbox& out) {
  const ByteSpan room = out.claim(kDataHeadMax);
  if (room.empty()) return false;
  const size_t size = write_data_head(room, peer, payload.size(), random);
  out.give_back(kDataHeadMax - size);
  return push_padded(to, room.first(size), payload, (4 - payload.size() % 4) % 4, out);
}

// RFC 8656 section 9, by the peer's channel if it has one.
bool may_reach_client(const Allocation& allocation, const Channel* channel, const Endpoint& peer,
                      PeerOrigin origin, Instant now) {
  const auto fits = [origin](PeerReach reach) {
    return origin == PeerOrigin::own_relay || reach != PeerReach::own_relay;
  };
  if (channel != nullptr) return fits(channel->reach);
  const Permission* permission = allocation.permissions.find(peer.ip, now);
  return permission != nullptr && fits(permission->reach);
}

// What the session may do is asked first: what its own limits drop costs the others nothing.
bool has_bandwidth(DirectionLimits* session, CapacityCredit& server, size_t size, Instant now,
                   Counters& counters) {
  if (session == nullptr) return true;
  if (session->packets && !session->packets->take(1, now)) {
    counters.drop_packet_rate.add();
    return false;
  }
  if (session->bytes && !session->bytes->take_or_owe(size, now)) {
    counters.drop_session_rate.add();
    return false;
  }
  if (!server.is_limited() || server.take(session->share, size, now)) return true;
  counters.drop_capacity.add();
  return false;
}

}  // namespace

void relay_from_client(const Now& now, const ClientRoute& from, ByteView packet, Core& core,
                       Outbox& out) {
  // RFC 8656 section 12.6.
  const auto data = stun::parse_channel_data(packet);
  if (!data) return core.counters.drop_malformed.add();
  Allocation* allocation = core.allocations.find(from);
  if (allocation == nullptr || allocation->deadline <= now.mono) {
    if (forward_data(now, from, packet, core, out)) return;
    return core.counters.drop_no_allocation.add();
  }
  if (allocation->mobility) confirm_move(*allocation, from.tuple, core, out);
  const Channel* channel = allocation->channels.usable_by_number(data->number, now.mono);
  if (channel == nullptr) return core.counters.drop_no_channel.add();
  channel->last_used = now.mono;
  send_to_peer(*allocation, channel->peer, channel->reach, data->payload, Fragmenting::allowed, now,
               core, out);
}

void send_to_peer(Allocation& allocation, const Endpoint& peer, PeerReach reach, ByteView payload,
                  Fragmenting fragmenting, const Now& now, Core& core, Outbox& out) {
  const RelayLease* relay = allocation.relay_for(peer.ip.family());
  if (relay == nullptr) return core.counters.drop_client_no_permission.add();
  DirectionLimits* limits = allocation.limits ? &allocation.limits->from_client : nullptr;
  if (!has_bandwidth(limits, core.credit_from_clients, payload.size(), now.mono, core.counters)) {
    return;
  }
  if (reach != PeerReach::network) {
    if (const auto owner = core.services.directory.find(peer)) {
      allocation.from_client.add(payload.size());
      core.counters.in_process_packets.add();
      core.counters.relayed_to_peer_packets.add();
      core.counters.relayed_to_peer_bytes.add(payload.size());
      if (owner->worker != core.services.worker) {
        out.to_worker.push_back({owner->worker, owner->relay, relay->external(), payload});
        return;
      }
      relay_from_peer(now, owner->relay, relay->external(), payload, PeerOrigin::own_relay, core,
                      out);
      return;
    }
    if (reach == PeerReach::own_relay) return core.counters.drop_local_peer_gone.add();
  }
  allocation.from_client.add(payload.size());
  core.counters.relayed_to_peer_packets.add();
  core.counters.relayed_to_peer_bytes.add(payload.size());
  out.to_peer.push_back({relay->id(), peer, payload, fragmenting});
}

void relay_from_peer(const Now& now, RelayId relay, const Endpoint& peer, ByteView payload,
                     PeerOrigin origin, Core& core, Outbox& out) {
  Counters& counters = core.counters;
  Allocation* allocation = core.allocations.find(relay);
  if (allocation == nullptr || allocation->deadline <= now.mono) {
    return counters.drop_peer_unknown_relay.add();
  }
  if (payload.size() > kMaxRelayedPayload) return counters.drop_oversize.add();
  const Channel* channel = allocation->channels.usable_by_peer(peer, now.mono);
  if (!may_reach_client(*allocation, channel, peer, origin, now.mono)) {
    return counters.drop_peer_no_permission.add();
  }
  if (allocation->mobility && allocation->mobility->away) return counters.drop_client_away.add();
  DirectionLimits* limits = allocation->limits ? &allocation->limits->to_client : nullptr;
  if (!has_bandwidth(limits, core.credit_to_clients, payload.size(), now.mono, counters)) return;
  const bool sent =
      channel != nullptr
          ? send_channel_data(allocation->route, channel->number, payload, out)
          : send_data_indication(allocation->route, peer, payload, core.services.random, out);
  if (!sent) return counters.drop_outbox_full.add();
  if (channel != nullptr) channel->last_used = now.mono;
  allocation->to_client.add(payload.size());
  counters.relayed_to_client_packets.add();
  counters.relayed_to_client_bytes.add(payload.size());
}

}  // namespace turnpike::turn
