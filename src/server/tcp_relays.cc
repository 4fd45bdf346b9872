#include "server/tcp_relays.h"

#include <utility>

#include "net/tcp.h"
#include "net/tcp_connect.h"

namespace turnpike::server {
namespace {

using turn::ConnectionRef;
using turn::StreamDirection;

constexpr size_t kPipeReadSize = net::kTlsPlaintextMax;
// With less than this to spend it is better to wait than to relay crumbs. A session may always save
// up a datagram's worth, which is more.
constexpr size_t kLeastRead = 1024;
constexpr milliseconds kResumePeriod{50};
constexpr size_t kPeerAcceptsPerTurn = 16;
// More than what one read brings waits for a client only if it keeps asking TLS for new keys and
// does not read the answers.
constexpr size_t kTlsAnswersMax = 4 * net::kTlsPlaintextMax;
// RFC 5382 section 5: how long a half-closed connection may be silent before it counts as dead.
constexpr seconds kHalfClosedMax{240};

uint64_t key_of(ConnectionRef ref) {
  return static_cast<uint64_t>(ref.generation) << 32 | ref.index;
}

}  // namespace

struct TcpRelays::Pipe {
  ConnectionRef ref;
  net::Fd peer;
  net::Fd client;  // Of a bound one.
  std::unique_ptr<net::TlsChannel> tls;
  TcpFlow to_peer;
  TcpFlow to_client;
  Instant last_bytes{};
  bool bound = false;
  bool client_slowed = false;  // Waits for bandwidth.
  bool peer_slowed = false;
  bool said_goodbye = false;  // TLS: close_notify is on its way to the client.
  // Declared last: they must go before the descriptors.
  net::Watch peer_readable;
  net::Watch peer_writable;
  net::Watch client_readable;
  net::Watch client_writable;
};

TcpRelays::TcpRelays(net::EventLoop& loop, const WorkerTurn& turn, relay::RelaySockets& relays,
                     StreamClients& clients, ClientCounters& counters)
    : loop_(loop),
      turn_(turn),
      relays_(relays),
      clients_(clients),
      counters_(counters),
      input_(kPipeReadSize),
      plaintext_(net::kTlsPlaintextMax) {}

TcpRelays::~TcpRelays() = default;

TcpRelays::Pipe& TcpRelays::add(ConnectionRef ref, net::Fd peer) {
  auto pipe = std::make_unique<Pipe>();
  pipe->ref = ref;
  pipe->peer = std::move(peer);
  return *(pipes_[key_of(ref)] = std::move(pipe));
}

TcpRelays::Pipe* TcpRelays::find(ConnectionRef ref) {
  const auto it = pipes_.find(key_of(ref));
  return it == pipes_.end() ? nullptr : it->second.get();
}

void TcpRelays::erase(ConnectionRef ref) {
  pipes_.erase(key_of(ref));
}

void TcpRelays::accept_at(turn::RelayId relay) {
  const auto has_ended = [this](ConnectionRef ref) {
    const Pipe* pipe = find(ref);
    return pipe != nullptr && net::has_ended(pipe->peer);
  };
  for (size_t i = 0; i < kPeerAcceptsPerTurn; ++i) {
    // A flush may end the allocation.
    const relay::RelaySockets::Listener* listener = relays_.find_listener(relay);
    if (listener == nullptr) return;
    auto accepted = net::accept_tcp(listener->fd);
    if (!accepted) {
      if (accepted.error() == net::AcceptError::try_next) continue;
      if (accepted.error() == net::AcceptError::no_descriptors) {
        counters_.accept_no_descriptors.add();
        // It would be readable all the time.
        relays_.pause_listener(relay);
      }
      return;
    }
    const auto ref =
        turn_.server.on_peer_accepted(turn_.now(), relay, accepted->peer, has_ended, turn_.outbox);
    if (ref) {
      add(*ref, std::move(accepted->fd));
    } else {
      net::reset_on_close(accepted->fd);
    }
    if (turn_.outbox.nearly_full()) turn_.flush();
  }
}

void TcpRelays::carry_out(const turn::ConnectPeer& effect) {
  using Outcome = turn::Server::PeerConnect;
  const ConnectionRef ref = effect.connection;
  const relay::RelaySockets::Listener* listener = relays_.find_listener(effect.relay);
  const auto fail = [&] {
    erase(ref);
    turn_.server.on_peer_connected(turn_.now(), ref, Outcome::failed, turn_.outbox);
  };
  if (listener == nullptr) return fail();
  auto fd = net::connect_from(listener->local, effect.target);
  if (!fd) return fail();
  Pipe& pipe = add(ref, std::move(*fd));
  pipe.peer_writable = loop_.watch_writable(pipe.peer.get(), [this, ref] { on_connect_done(ref); });
  if (!pipe.peer_writable) fail();
}

void TcpRelays::on_connect_done(ConnectionRef ref) {
  using Outcome = turn::Server::PeerConnect;
  Pipe& pipe = *find(ref);
  const bool connected = net::connect_error(pipe.peer) == 0;
  pipe.peer_writable.reset();
  if (!connected) erase(ref);
  turn_.server.on_peer_connected(turn_.now(), ref, connected ? Outcome::connected : Outcome::failed,
                                 turn_.outbox);
}

void TcpRelays::carry_out(const turn::ClosePeer& effect) {
  Pipe* pipe = find(effect.connection);
  if (pipe == nullptr) return;
  // What nobody bound leaves nothing behind.
  if (!pipe->bound) net::reset_on_close(pipe->peer);
  erase(effect.connection);
}

void TcpRelays::carry_out(const turn::BindLink& effect) {
  Pipe* pipe = find(effect.connection);
  std::unique_ptr<StreamHandover> stream = clients_.release(effect.link);
  if (pipe == nullptr || !stream) {
    // The client has left in the same turn, or the allocation has ended.
    erase(effect.connection);
    return turn_.server.on_connection_closed(effect.connection);
  }
  counters_.streams_bound.add();
  pipe->bound = true;
  pipe->last_bytes = turn_.now().mono;
  pipe->client = std::move(stream->fd);
  pipe->tls = std::move(stream->tls);
  if (pipe->tls) pipe->tls->end_directions_apart();
  pipe->to_client.tail() = std::move(stream->unsent);
  pipe->to_peer.add(stream->received);
  const size_t payload = stream->received.size() + take_from_client(*pipe, stream->encrypted);
  turn_.server.on_relayed(turn_.now(), pipe->ref, StreamDirection::from_client, payload, payload);
  send(*pipe, Side::client);
  send(*pipe, Side::peer);
  settle(*pipe);
}

void TcpRelays::on_readable(ConnectionRef ref, Side side) {
  Pipe& pipe = *find(ref);
  if (side == Side::peer) {
    read_peer(pipe);
  } else {
    read_client(pipe);
  }
  settle(pipe);
}

void TcpRelays::on_writable(ConnectionRef ref, Side side) {
  Pipe& pipe = *find(ref);
  send(pipe, side);
  settle(pipe);
}

size_t TcpRelays::allowance(Pipe& pipe, Side from) {
  const auto direction =
      from == Side::client ? StreamDirection::from_client : StreamDirection::to_client;
  const size_t size = turn_.server.may_relay(turn_.now(), pipe.ref, direction, kPipeReadSize);
  if (size >= kLeastRead) return size;
  slowed_.push_back(pipe.ref);
  (from == Side::client ? pipe.client_slowed : pipe.peer_slowed) = true;
  counters_.pipes_slowed.add();
  if (!resume_) resume_ = loop_.every(kResumePeriod, [this] { resume_slowed(); });
  return 0;
}

void TcpRelays::resume_slowed() {
  const std::vector<ConnectionRef> waited = std::exchange(slowed_, {});
  for (const ConnectionRef ref : waited) {
    Pipe* pipe = find(ref);
    if (pipe == nullptr) continue;
    pipe->client_slowed = pipe->peer_slowed = false;
    settle(*pipe);
  }
  if (slowed_.empty() && waited.empty()) resume_.reset();
}

void TcpRelays::read_peer(Pipe& pipe) {
  const size_t size = allowance(pipe, Side::peer);
  if (size == 0) return;
  const net::StreamRead read = net::read_stream(pipe.peer, ByteSpan(input_).first(size));
  if (read.result == net::StreamResult::would_block) return;
  if (read.result == net::StreamResult::closed) return read_ended(pipe, Side::peer, read.reset);
  counters_.add_stream_read(read.bytes.size(), size);
  const Now& now = turn_.now();
  pipe.last_bytes = now.mono;
  turn_.server.on_relayed(now, pipe.ref, StreamDirection::to_client, read.bytes.size(),
                          read.bytes.size());
  if (!pipe.tls) {
    pipe.to_client.add(read.bytes);
  } else if (!pipe.tls->write(read.bytes, pipe.to_client.tail())) {
    return pipe.to_client.give_up();
  }
  send(pipe, Side::client);
}

void TcpRelays::read_client(Pipe& pipe) {
  const size_t size = allowance(pipe, Side::client);
  if (size == 0) return;
  const net::StreamRead read = net::read_stream(pipe.client, ByteSpan(input_).first(size));
  if (read.result == net::StreamResult::would_block) return;
  if (read.result == net::StreamResult::closed) return read_ended(pipe, Side::client, read.reset);
  counters_.add_stream_read(read.bytes.size(), size);
  const Now& now = turn_.now();
  pipe.last_bytes = now.mono;
  size_t payload = read.bytes.size();
  if (pipe.tls) {
    payload = take_from_client(pipe, read.bytes);
  } else {
    pipe.to_peer.add(read.bytes);
  }
  turn_.server.on_relayed(now, pipe.ref, StreamDirection::from_client, read.bytes.size(), payload);
  send(pipe, Side::peer);
}

size_t TcpRelays::take_from_client(Pipe& pipe, ByteView bytes) {
  if (!pipe.tls) return 0;
  size_t payload = 0;
  while (true) {
    const ByteView plaintext = pipe.tls->feed(bytes, plaintext_, pipe.to_client.tail());
    if (plaintext.empty()) break;
    pipe.to_peer.add(plaintext);
    payload += plaintext.size();
  }
  if (pipe.tls->state() == net::TlsState::failed) read_ended(pipe, Side::client, true);
  if (pipe.tls->received_end()) pipe.to_peer.end();
  // An answer of TLS's own, to a change of keys.
  if (!pipe.to_client.waiting().empty()) send(pipe, Side::client);
  return payload;
}

void TcpRelays::read_ended(Pipe& pipe, Side side, bool by_reset) {
  TcpFlow& from = side == Side::peer ? pipe.to_client : pipe.to_peer;
  TcpFlow& to = side == Side::peer ? pipe.to_peer : pipe.to_client;
  from.end();
  // Who has reset the connection takes nothing any more.
  if (by_reset) to.give_up();
}

void TcpRelays::send(Pipe& pipe, Side to) {
  TcpFlow& flow = to == Side::peer ? pipe.to_peer : pipe.to_client;
  const net::Fd& fd = to == Side::peer ? pipe.peer : pipe.client;
  const net::StreamWrite wrote = net::write_stream(fd, flow.waiting());
  flow.sent(wrote.written);
  if (wrote.result != net::StreamResult::closed) return;
  flow.give_up();
  // Its reading end is of no use either: what came before the reset is gone.
  (to == Side::peer ? pipe.to_client : pipe.to_peer).end();
}

void TcpRelays::pass_ends_on(Pipe& pipe) {
  if (pipe.to_peer.take_end()) net::end_sending(pipe.peer);
  if (pipe.tls && pipe.to_client.ended() && !pipe.to_client.done() && !pipe.said_goodbye) {
    pipe.said_goodbye = true;
    pipe.tls->end_writing(pipe.to_client.tail());
    send(pipe, Side::client);
  }
  if (pipe.to_client.take_end()) net::end_sending(pipe.client);
}

void TcpRelays::settle(Pipe& pipe) {
  pass_ends_on(pipe);
  // A connection that is gone in one direction by force is gone as a whole, once what is left for
  // the other has gone out.
  if (pipe.to_peer.done() && pipe.to_client.done()) return end(pipe);
  if (!watch(pipe)) end(pipe);
}

void TcpRelays::end(const Pipe& pipe) {
  const ConnectionRef ref = pipe.ref;
  erase(ref);
  turn_.server.on_connection_closed(ref);
}

bool TcpRelays::watch(Pipe& pipe) {
  const ConnectionRef ref = pipe.ref;
  bool all_watched = true;
  const auto set = [&](net::Watch& watch, bool wanted, auto&& make) {
    if (wanted == static_cast<bool>(watch)) return;
    watch = wanted ? make() : net::Watch();
    if (wanted && !watch) all_watched = false;
  };
  const int peer = pipe.peer.get();
  const int client = pipe.client.get();
  set(pipe.peer_readable, pipe.to_client.wants_bytes() && !pipe.peer_slowed,
      [&] { return loop_.watch(peer, [this, ref] { on_readable(ref, Side::peer); }); });
  const bool takes_answers = pipe.to_client.waiting().size() <= kTlsAnswersMax;
  set(pipe.client_readable, pipe.to_peer.wants_bytes() && takes_answers && !pipe.client_slowed,
      [&] { return loop_.watch(client, [this, ref] { on_readable(ref, Side::client); }); });
  set(pipe.peer_writable, !pipe.to_peer.waiting().empty(),
      [&] { return loop_.watch_writable(peer, [this, ref] { on_writable(ref, Side::peer); }); });
  set(pipe.client_writable, !pipe.to_client.waiting().empty(), [&] {
    return loop_.watch_writable(client, [this, ref] { on_writable(ref, Side::client); });
  });
  return all_watched;
}

void TcpRelays::on_tick() {
  relays_.on_tick();
  const Instant now = turn_.now().mono;
  std::vector<const Pipe*> dead;
  for (const auto& [key, pipe] : pipes_) {
    const bool half_closed = pipe->bound && (pipe->to_peer.ended() || pipe->to_client.ended());
    if (half_closed && now - pipe->last_bytes > kHalfClosedMax) dead.push_back(pipe.get());
  }
  for (const Pipe* pipe : dead) end(*pipe);
}

}  // namespace turnpike::server
