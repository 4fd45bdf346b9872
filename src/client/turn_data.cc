// Payloads, both ways.
#include <algorithm>

#include "client/answer.h"
#include "client/turn_session.h"
#include "stun/builder.h"
#include "stun/channel_data.h"

namespace turnpike::client {

using stun::AttributeType;
using stun::Class;
using stun::Method;

void TurnSession::send(const Endpoint& peer, ByteView payload, Output& out) {
  if (const auto number = channel_of(peer)) {
    send_channel_data(*number, payload, out);
    return;
  }
  send_indication(peer, payload, Fragmentation::allowed, out);
}

void TurnSession::send_indication(const Endpoint& peer, ByteView payload,
                                  Fragmentation fragmentation, Output& out) {
  const size_t bound = stun::kHeaderSize + 24 + 4 + 4 + payload.size() + 3;
  const auto id = random_->bytes<12>();
  stun::MessageBuilder builder(out.room(bound), Method::send, Class::indication, id);
  builder.add_xor_address(AttributeType::xor_peer_address, peer);
  if (fragmentation == Fragmentation::forbidden) builder.add_empty(AttributeType::dont_fragment);
  builder.add(AttributeType::data, payload);
  out.add_packet(builder.finish().size());
}

void TurnSession::send_channel_data(uint16_t number, ByteView payload, Output& out) const {
  const size_t padding =
      settings_->delivery == stun::Delivery::reliable ? stun::channel_padding(payload.size()) : 0;
  const size_t size = stun::kChannelHeaderSize + payload.size() + padding;
  const ByteSpan room = out.room(size);
  const auto header = stun::channel_header(number, payload.size());
  auto at = std::copy(header.begin(), header.end(), room.begin());
  at = std::copy(payload.begin(), payload.end(), at);
  std::fill_n(at, padding, uint8_t{0});
  out.add_packet(size);
}

bool TurnSession::on_channel_data(ByteView packet, Output& out) {
  const auto data = stun::parse_channel_data(packet);
  if (!data) return false;
  for (const Channel& channel : channels_) {
    if (channel.number != data->number) continue;
    out.add_event(PeerDataView{channel.peer, channel.number, data->payload});
    return true;
  }
  return false;
}

bool TurnSession::on_indication(const stun::MessageView& message, Output& out) {
  if (message.method() != Method::data || !allocation_ || has_unknown_required(message)) {
    return false;
  }
  const auto peer = xor_address(message, AttributeType::xor_peer_address);
  // RFC 8656 section 11.4: nobody whom we did not permit.
  if (!peer || !permits(peer->ip)) return false;

  if (const auto value = message.find(AttributeType::icmp)) {
    const auto icmp = stun::decode_icmp(*value);
    if (icmp) out.add_event(PeerUnreachable{*peer, *icmp});
    return icmp.has_value();
  }
  const auto payload = message.find(AttributeType::data);
  if (!payload) return false;
  out.add_event(PeerDataView{*peer, 0, *payload});
  return true;
}

}  // namespace turnpike::client
