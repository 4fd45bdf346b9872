#include "cli/load_engine.h"

#include <algorithm>

#include "net/clock.h"

namespace turnpike::cli {
namespace {

constexpr size_t kArenaChunk = size_t{256} * 1024;
// A client that is slow for a moment must not lose what waits for it: a burst of video and more.
constexpr int kSeatBuffer = 256 * 1024;
constexpr int kPeerBuffer = 8 * 1024 * 1024;
constexpr Duration kLinkPeriod = milliseconds(100);

}  // namespace

LoadEngine::LoadEngine(const LoadOptions& options, const Target& target, const Ip& peer_ip)
    : options_(options),
      target_(target),
      peer_ip_(peer_ip),
      settings_{.credentials = options.target.credentials,
                .delivery = is_stream(options.target.transport) ? stun::Delivery::reliable
                                                                : stun::Delivery::unreliable},
      now_(net::monotonic_now()),
      io_(random_.hash_key()),
      batch_(random_.hash_key()),
      link_settings_{.transport = options.target.transport,
                     .server = target.server,
                     .host = options.target.host,
                     .tls = options.tls} {
  if (options.target.transport != Transport::udp) {
    link_timer_ = loop_.every(kLinkPeriod, [this] { look_after_links(); });
  }
}

std::optional<net::SysError> LoadEngine::open_peers(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    auto peer = std::make_unique<Peer>();
    auto socket = net::open_udp_socket({.gro = true,
                                        .gso = options_.gso,
                                        .receive_buffer = kPeerBuffer,
                                        .send_buffer = kPeerBuffer},
                                       {peer_ip_, 0});
    if (!socket) return socket.error();
    peer->socket = std::move(*socket);
    const size_t index = peers_.size();
    peer->watch = loop_.watch(peer->socket.fd(), [this, index] { receive_for_peer(index); });
    peers_.push_back(std::move(peer));
  }
  return {};
}

Result<LoadEngine::SeatId, net::SysError> LoadEngine::open_seat() {
  const auto id = static_cast<SeatId>(seats_.size());
  seats_.push_back(std::make_unique<Seat>());
  if (auto error = reopen_seat(id)) {
    seats_.pop_back();
    return unexpected(*error);
  }
  return id;
}

std::optional<net::SysError> LoadEngine::reopen_seat(SeatId id) {
  const bool plain = options_.target.transport == Transport::udp;
  if (auto error = plain ? open_socket(id) : open_link(id)) return error;
  seats_[id]->session.emplace(settings_, random_);
  return {};
}

std::optional<net::SysError> LoadEngine::open_link(SeatId id) {
  const auto on_packet = [this, id](ByteView packet) {
    now_ = net::monotonic_now();
    call(id, [&](client::TurnSession& session, Instant now, client::Output& out) {
      session.on_packet(now, packet, out);
    });
  };
  auto link =
      client::ServerLink::open(link_settings_, loop_, &link_counters_, {.on_packet = on_packet});
  if (!link) return link.error();
  Seat& seat = *seats_[id];
  if (seat.link) retired_.push_back(std::move(seat.link));
  seat.link = std::move(*link);
  return {};
}

void LoadEngine::look_after_links() {
  for (SeatId id = 0; id < seats_.size(); ++id) {
    const client::ServerLink* link = seats_[id]->link.get();
    if (link == nullptr || !link->broken()) continue;
    retired_.push_back(std::move(seats_[id]->link));
    on_broken(id);
  }
}

std::optional<net::SysError> LoadEngine::open_socket(SeatId id) {
  auto socket = net::open_udp_socket(
      {.gro = true, .gso = options_.gso, .receive_buffer = kSeatBuffer, .send_buffer = kSeatBuffer},
      {any_address(target_.server.ip.family()), 0});
  if (!socket) return socket.error();
  Seat& seat = *seats_[id];
  seat.watch.reset();
  seat.socket = std::move(*socket);
  seat.watch = loop_.watch(seat.socket.fd(), [this, id] { receive_for_seat(id); });
  return {};
}

client::Output& LoadEngine::begin_output() {
  if (depth_ == outputs_.size()) outputs_.push_back(std::make_unique<client::Output>());
  return *outputs_[depth_++];
}

void LoadEngine::finish_output(SeatId id, client::Output& out) {
  for (size_t i = 0; i < out.packet_count(); ++i) {
    const ByteView bytes = out.packet(i);
    const ByteSpan room = packet(bytes.size());
    std::copy(bytes.begin(), bytes.end(), room.begin());
    send_to_server(id, room);
  }
  for (const client::Event& event : out.events()) on_event(id, event);
  out.clear();
  --depth_;
  schedule(id);
}

ByteSpan LoadEngine::packet(size_t size) {
  if (arena_.empty() || arena_used_ + size > kArenaChunk) {
    if (!arena_.empty()) ++arena_chunk_;
    if (arena_chunk_ == arena_.size()) {
      arena_.push_back(std::make_unique_for_overwrite<uint8_t[]>(kArenaChunk));
    }
    arena_used_ = 0;
  }
  const ByteSpan room(arena_[arena_chunk_].get() + arena_used_, size);
  arena_used_ += size;
  return room;
}

void LoadEngine::send_to_server(SeatId id, ByteView packet) {
  Seat& seat = *seats_[id];
  if (options_.target.transport != Transport::udp) {
    if (!seat.link) return;  // It broke.
    seat.link->send(packet);
    if (!seat.has_unsent) unsent_.push_back(id);
    seat.has_unsent = true;
    return;
  }
  batch_.add({.socket = &seat.socket, .destination = target_.server, .payload = packet});
}

void LoadEngine::send_from_peer(size_t peer, const Endpoint& to, ByteView packet) {
  batch_.add({.socket = &peers_[peer]->socket, .destination = to, .payload = packet});
}

void LoadEngine::turn(Instant wake) {
  flush();
  if (!due_.empty()) wake = std::min(wake, due_.top().at);
  now_ = net::monotonic_now();
  loop_.run_turn(std::max(wake - now_, Duration::zero()));
  now_ = net::monotonic_now();
  run_due();
  flush();
}

void LoadEngine::flush() {
  for (const SeatId id : unsent_) {
    seats_[id]->has_unsent = false;
    if (seats_[id]->link) seats_[id]->link->flush();
  }
  unsent_.clear();
  retired_.clear();
  io_.send(batch_, now_);
  slab_.reset();
  arena_chunk_ = 0;
  arena_used_ = 0;
}

OwnDrops LoadEngine::own_drops() const {
  OwnDrops drops;
  for (const net::IoCounters* io : {&io_.counters(), &link_counters_}) {
    drops.sending += io->tx_drop_would_block.get() + io->tx_drop_no_buffers.get() +
                     io->tx_drop_too_big.get() + io->tx_drop_unreachable.get() +
                     io->tx_drop_not_permitted.get() + io->tx_drop_other.get();
    drops.receiving += io->rx_drop_queue_full.get() + io->rx_drop_truncated.get();
  }
  return drops;
}

void LoadEngine::receive_for_seat(SeatId id) {
  const auto received = io_.receive(seats_[id]->socket, slab_);
  now_ = net::monotonic_now();
  for (const net::RxDatagram& datagram : received) {
    if (datagram.source != target_.server) continue;
    if (options_.carry == Carry::bare) {
      on_bare(id, datagram.bytes);
      continue;
    }
    call(id, [&](client::TurnSession& session, Instant now, client::Output& out) {
      session.on_packet(now, datagram.bytes, out);
    });
  }
}

void LoadEngine::receive_for_peer(size_t peer) {
  const auto received = io_.receive(peers_[peer]->socket, slab_);
  now_ = net::monotonic_now();
  for (const net::RxDatagram& datagram : received) on_peer(peer, datagram);
}

void LoadEngine::schedule(SeatId id) {
  Seat& seat = *seats_[id];
  const Instant at = seat.session->deadline();
  // A later deadline is found out when the earlier entry comes up.
  if (at >= seat.scheduled) return;
  seat.scheduled = at;
  due_.push({at, id});
}

void LoadEngine::run_due() {
  while (!due_.empty() && due_.top().at <= now_) {
    const SeatId id = due_.top().seat;
    Seat& seat = *seats_[id];
    const bool current = due_.top().at == seat.scheduled;
    due_.pop();
    if (!current) continue;
    seat.scheduled = Instant::max();
    call(id, [](client::TurnSession& session, Instant now, client::Output& out) {
      session.on_time(now, out);
    });
  }
}

}  // namespace turnpike::cli
