#include "cli/load_relay.h"

#include <algorithm>
#include <array>

#include "base/random.h"
#include "cli/load_floor.h"
#include "stun/channel_data.h"

namespace turnpike::cli {

using client::RequestFailed;
using client::TurnSession;

namespace {

// More bursts of one client at once than that would be a burst of our making.
constexpr uint64_t kMaxBurstsAtOnce = 64;
// Time for a lost release or two to be sent again.
constexpr Duration kReleaseTime = seconds(4);

bool moves_data(LoadShape shape) {
  return shape == LoadShape::voice || shape == LoadShape::video || shape == LoadShape::flood;
}

}  // namespace

RelayLoad::RelayLoad(const LoadOptions& options, const Target& target, const LoadPart& part)
    : options_(options),
      part_(part),
      engine_(options, target, part.peer_ip),
      clients_(part.clients) {
  engine_.on_event = [this](SeatId id, const client::Event& event) { on_event(id, event); };
  engine_.on_bare = [this](SeatId id, ByteView bytes) { on_bare(id, bytes); };
  engine_.on_broken = [this](SeatId id) { on_broken(id); };
  engine_.on_peer = [this](size_t peer, const net::RxDatagram& datagram) {
    on_peer(peer, datagram);
  };
}

std::optional<std::string> RelayLoad::set_up() {
  if (const auto error = engine_.open_peers(options_.peers)) return error->to_string();
  Pacer pacer(engine_.now(), Duration(seconds(options_.threads)) / options_.setup_rate);
  // A whole retransmission schedule for whoever comes last, in each of two transactions.
  Instant patience = Instant::max();
  while (decided_ < part_.clients && engine_.now() < patience) {
    const uint64_t due = pacer.due(engine_.now(), UINT64_MAX);
    for (uint64_t i = 0; i < due && engine_.seats() < part_.clients; ++i) {
      const auto id = engine_.open_seat();
      if (!id) return id.error().to_string();
      start(*id);
    }
    const bool all_begun = engine_.seats() == part_.clients;
    if (all_begun && patience == Instant::max()) patience = engine_.now() + seconds(80);
    engine_.turn(all_begun ? patience : pacer.next());
  }
  return {};
}

void RelayLoad::start(SeatId id) {
  Client& client = clients_[id];
  client.state = State::asking;
  client.asked_at = engine_.now();
  if (options_.carry == Carry::bare) return greet_floor(id);
  engine_.call(id, [&](TurnSession& session, Instant now, client::Output& out) {
    client::AllocateOptions wanted;
    if (!part_.peer_ip.is_v4()) wanted.family = stun::AddressFamily::ipv6;
    session.allocate(now, wanted, out);
  });
}

void RelayLoad::greet_floor(SeatId id) {
  const Endpoint& peer = engine_.peer_address(peer_of(id));
  const FloorGreeting greeting = make_floor_greeting(peer);
  const ByteSpan room = engine_.packet(greeting.size());
  std::copy(greeting.begin(), greeting.end(), room.begin());
  engine_.send_to_server(id, room);
}

void RelayLoad::on_bare(SeatId id, ByteView bytes) {
  if (clients_[id].state == State::asking && is_floor_answer(bytes)) return on_ready(id);
  on_client_data(id, bytes, true);
}

void RelayLoad::on_allocated(SeatId id) {
  if (options_.partner == Partner::socket) {
    return open_way(id, engine_.peer_address(peer_of(id)));
  }
  const SeatId other = id ^ 1U;
  if (other >= engine_.seats() || !engine_.session(other).allocated()) return;
  open_way(id, engine_.session(other).relayed());
  open_way(other, engine_.session(id).relayed());
}

void RelayLoad::open_way(SeatId id, const Endpoint& peer) {
  engine_.call(id, [&](TurnSession& session, Instant now, client::Output& out) {
    if (options_.carry == Carry::indication) {
      session.create_permission(now, std::array{peer}, out);
    } else {
      session.bind_channel(now, kChannel, peer, out);
    }
  });
}

void RelayLoad::on_ready(SeatId id) {
  clients_[id].state = State::ready;
  ++decided_;
  ++stats_.ready;
  stats_.setup.add(engine_.now() - clients_[id].asked_at);
}

void RelayLoad::give_up(SeatId id, const RequestFailed& failure) {
  // RFC 8656 section 7.4: up to three ports.
  Client& client = clients_[id];
  const bool retry = failure.is(stun::ErrorCode::allocation_mismatch) && client.ports_tried++ < 3;
  if (retry && !engine_.reopen_seat(id)) {
    start(id);
    return;
  }
  stats_.fail(failure);
  if (client.state == State::asking) ++decided_;
  client.state = State::failed;
}

void RelayLoad::on_broken(SeatId id) {
  Client& client = clients_[id];
  if (client.state == State::failed) return;
  ++stats_.failures["connection lost"];
  if (client.state == State::asking) ++decided_;
  if (client.state == State::ready) ++stats_.lost_allocations;
  client.state = State::failed;
}

void RelayLoad::on_event(SeatId id, const client::Event& event) {
  if (const auto* data = std::get_if<client::PeerDataView>(&event)) {
    on_client_data(id, data->payload, data->peer == partner_of(id));
  } else if (std::holds_alternative<client::Allocated>(event)) {
    on_allocated(id);
  } else if (std::holds_alternative<client::ChannelBound>(event) ||
             std::holds_alternative<client::PermissionsCreated>(event)) {
    if (clients_[id].state == State::asking) on_ready(id);
  } else if (std::holds_alternative<client::Released>(event)) {
    ++stats_.released;
  } else if (const auto* failure = std::get_if<RequestFailed>(&event)) {
    give_up(id, *failure);
  } else if (std::holds_alternative<client::AllocationLost>(event) ||
             std::holds_alternative<client::ChannelLost>(event)) {
    ++stats_.lost_allocations;
    clients_[id].state = State::failed;
  }
}

void RelayLoad::count_latency(const LoadHeader& header) {
  if (!times_.measured(engine_.now())) return;
  stats_.latency.add(engine_.now().time_since_epoch() - Duration(header.sent));
}

// Ports of a busy host are used again: what another program still sends to one of ours is none of
// the server's doing. Its address may be translated on the way, its port tells enough.
bool RelayLoad::came_through_server(const Endpoint& source) {
  if (options_.carry == Carry::bare) return true;
  for (SeatId id = 0; id < engine_.seats(); ++id) {
    const TurnSession& session = engine_.session(id);
    if (session.allocated() && session.relayed().port == source.port) return true;
  }
  return false;
}

void RelayLoad::on_peer(size_t peer, const net::RxDatagram& datagram) {
  LoadHeader header;
  const LoadVerdict verdict = read_load_payload(datagram.bytes, part_.run, header);
  if (verdict == LoadVerdict::foreign) return;
  if (verdict == LoadVerdict::damaged || header.client >= clients_.size() ||
      peer_of(header.client) != peer) {
    if (came_through_server(datagram.source)) ++stats_.to_peer.damaged;
    return;
  }
  const Sequence::Kind kind = clients_[header.client].at_peer.see(header.number);
  stats_.to_peer.count(kind);
  if (kind == Sequence::Kind::repeated) return;
  if (times_.measured(engine_.now())) ++stats_.measured_relayed;
  if (options_.direction == Direction::up) count_latency(header);
  if (options_.direction != Direction::echo) return;
  engine_.send_from_peer(peer, datagram.source, datagram.bytes);
  ++stats_.to_client.sent;
}

void RelayLoad::on_client_data(SeatId id, ByteView payload, bool from_partner) {
  LoadHeader header;
  const LoadVerdict verdict = read_load_payload(payload, part_.run, header);
  if (verdict == LoadVerdict::foreign) return;
  if (verdict == LoadVerdict::damaged || header.client != source_for(id)) {
    if (from_partner) ++stats_.to_client.damaged;
    return;
  }
  const Sequence::Kind kind = clients_[id].at_client.see(header.number);
  stats_.to_client.count(kind);
  if (kind == Sequence::Kind::repeated) return;
  if (times_.measured(engine_.now())) ++stats_.measured_relayed;
  count_latency(header);
}

void RelayLoad::run(const LoadTimes& times) {
  times_ = times;
  // The last look at the clock was before the slowest thread was set up.
  engine_.turn(engine_.now());
  const bool active = moves_data(options_.shape);
  RandomSource random;
  const Instant start = engine_.now();
  for (SeatId id = 0; id < engine_.seats() && active; ++id) {
    const auto phase =
        static_cast<int64_t>(random.below(static_cast<uint64_t>(options_.period.count())));
    pacers_.emplace_back(start + Duration(phase), options_.period);
    if (clients_[id].state == State::ready) turns_.push({pacers_[id].next(), id});
  }
  while (engine_.now() < times.end) {
    const Instant wake = turns_.empty() ? times.end : std::min(times.end, turns_.top().at);
    engine_.turn(wake);
    send_due();
  }
  engine_.flush();
  while (engine_.now() < times.end + kDrainTime) engine_.turn(times.end + kDrainTime);
  for (const Pacer& pacer : pacers_) stats_.behind += pacer.missed();
}

void RelayLoad::send_due() {
  const Instant now = engine_.now();
  while (!turns_.empty() && turns_.top().at <= now) {
    const SeatId id = turns_.top().seat;
    turns_.pop();
    if (clients_[id].state != State::ready) continue;
    const uint64_t bursts = pacers_[id].due(now, kMaxBurstsAtOnce);
    for (uint64_t i = 0; i < bursts; ++i) send_burst(id);
    turns_.push({pacers_[id].next(), id});
  }
}

void RelayLoad::send_burst(SeatId id) {
  for (uint32_t i = 0; i < options_.burst; ++i) send_one(id);
}

void RelayLoad::send_one(SeatId id) {
  const LoadHeader header{.run = part_.run,
                          .sent = engine_.now().time_since_epoch().count(),
                          .client = id,
                          .number = clients_[id].next_number++};
  if (options_.direction == Direction::down) {
    const ByteSpan payload = engine_.packet(options_.size);
    write_load_payload(header, payload);
    engine_.send_from_peer(peer_of(id), engine_.session(id).relayed(), payload);
    ++stats_.to_client.sent;
    return;
  }
  send_from_client(id, header);
  ++(options_.partner == Partner::client ? stats_.to_client : stats_.to_peer).sent;
}

Endpoint RelayLoad::partner_of(SeatId id) {
  return options_.partner == Partner::client ? engine_.session(source_for(id)).relayed()
                                             : engine_.peer_address(peer_of(id));
}

void RelayLoad::send_from_client(SeatId id, const LoadHeader& header) {
  if (options_.carry == Carry::indication) {
    const ByteSpan payload = engine_.packet(options_.size);
    write_load_payload(header, payload);
    const Endpoint peer = partner_of(id);
    engine_.call(id, [&](TurnSession& session, Instant, client::Output& out) {
      session.send_indication(peer, payload, client::Fragmentation::allowed, out);
    });
    return;
  }
  const size_t head = options_.carry == Carry::channel ? stun::kChannelHeaderSize : 0;
  const ByteSpan packet = engine_.packet(head + options_.size);
  if (head > 0) {
    const auto channel = stun::channel_header(kChannel, options_.size);
    std::copy(channel.begin(), channel.end(), packet.begin());
  }
  write_load_payload(header, packet.subspan(head));
  engine_.send_to_server(id, packet);
}

void RelayLoad::tear_down() {
  uint64_t asked = 0;
  Pacer pacer(engine_.now(), Duration(seconds(options_.threads)) / options_.setup_rate);
  for (SeatId id = 0; id < engine_.seats();) {
    const uint64_t due = pacer.due(engine_.now(), UINT64_MAX);
    for (uint64_t i = 0; i < due && id < engine_.seats(); ++i, ++id) {
      if (clients_[id].state != State::ready || !engine_.session(id).allocated()) continue;
      ++asked;
      engine_.call(id, [](TurnSession& session, Instant now, client::Output& out) {
        session.refresh(now, seconds(0), out);
      });
    }
    engine_.turn(pacer.next());
  }
  // What is not answered by then goes by itself in ten minutes.
  const Instant end = engine_.now() + kReleaseTime;
  while (stats_.released < asked && engine_.now() < end) engine_.turn(end);
}

}  // namespace turnpike::cli
