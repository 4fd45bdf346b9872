#include "server/dtls_clients.h"

#include <array>
#include <utility>

namespace turnpike::server {
namespace {

// Datagrams in a second from which on a client keeps its record buffers for the next one. Setting
// up a session takes fewer, media many more.
constexpr uint32_t kBusy = 16;

}  // namespace

struct DtlsClients::Client {
  explicit Client(net::DtlsChannel made) : channel(std::move(made)) {}

  SlabHandle handle;
  net::DtlsChannel channel;
  FiveTuple tuple;
  uint32_t listener = 0;
  Instant opened;
  Instant last_used;
  Instant last_allocation;
  uint32_t used_since_tick = 0;

  [[nodiscard]] turn::ClientRoute route() const {
    return {make_link(LinkKind::dtls, handle), tuple};
  }
  [[nodiscard]] bool is_open() const { return channel.state() == net::TlsState::open; }
  [[nodiscard]] bool is_over() const {
    return channel.state() == net::TlsState::closed || channel.state() == net::TlsState::failed;
  }
};

DtlsClients::DtlsClients(const WorkerTurn& turn, ClientCounters& counters, const DtlsLimits& limits,
                         std::shared_ptr<const net::TlsContext> tls, SourceCounts& sources,
                         const HashKey& hash_key)
    : turn_(turn),
      counters_(counters),
      limits_(limits),
      listener_(std::move(tls)),
      hash_{hash_key},
      sources_(sources),
      handshaking_sources_(hash_key) {}

DtlsClients::~DtlsClients() = default;

DtlsClients::Client* DtlsClients::find(const HandleIndex& index, const FiveTuple& tuple) {
  return index.find(hash_(tuple), [&](SlabHandle handle) -> Client* {
    Client* client = clients_.find(handle);
    return client->tuple == tuple ? client : nullptr;
  });
}

void DtlsClients::on_datagram(uint32_t listener, const Endpoint& client, const Endpoint& server,
                              ByteView datagram) {
  const FiveTuple tuple = {Transport::dtls, client, server};
  // Until a new handshake is finished, data is that of the old session: the cookie that began it
  // may have been caught by somebody who had the address a minute ago.
  std::array<const HandleIndex*, 2> order = {&handshaking_, &established_};
  if (net::is_session_data(datagram)) std::swap(order[0], order[1]);
  for (const HandleIndex* index : order) {
    Client* known = find(*index, tuple);
    if (known == nullptr || known->channel.begins_anew(datagram)) continue;
    return feed(*known, datagram);
  }
  on_new_handshake(listener, tuple, datagram);
}

bool DtlsClients::has_room(const FiveTuple& tuple) {
  // A handshake that begins anew takes the place of the one before.
  if (find(handshaking_, tuple) != nullptr) return true;
  const Ip& source = tuple.client.ip;
  if (handshaking_.size() >= limits_.half_open ||
      handshaking_sources_.is_full(source, limits_.half_open_per_source)) {
    counters_.refused_half_open.add();
    return false;
  }
  // One that takes the place of a session needs no other.
  if (find(established_, tuple) == nullptr && sources_.is_full(source, limits_.per_source)) {
    counters_.refused_source_limit.add();
    return false;
  }
  return true;
}

void DtlsClients::on_new_handshake(uint32_t listener, const FiveTuple& tuple, ByteView datagram) {
  // Asked first: a certificate is signed for whoever returns a cookie.
  if (!has_room(tuple)) return;
  const Instant now = turn_.now().mono;
  auto channel = listener_.on_datagram(datagram, tuple.client, tuple.server, now, out_);
  address_new_datagrams({listener, tuple.client, tuple.server.ip});
  if (!channel) return;
  if (const Client* older = find(handshaking_, tuple)) close(older->handle);
  // Another worker may have taken the last place meanwhile.
  const uint32_t limit = find(established_, tuple) == nullptr ? limits_.per_source : 0;
  if (!sources_.add(tuple.client.ip, limit)) return counters_.refused_source_limit.add();
  const SlabHandle handle = clients_.emplace(std::move(*channel));
  Client& client = *clients_.find(handle);
  client.handle = handle;
  client.tuple = tuple;
  client.listener = listener;
  client.opened = client.last_used = client.last_allocation = now;
  handshaking_.insert(hash_(tuple), handle);
  static_cast<void>(handshaking_sources_.add(tuple.client.ip, 0));
  counters_.dtls_opened.add();
}

void DtlsClients::feed(Client& client, ByteView datagram) {
  const bool was_open = client.is_open();
  note_use(client);
  const SlabHandle handle = client.handle;
  while (true) {
    net::RxSlab& slab = turn_.slab;
    if (slab.slots_left(net::kTlsPlaintextMax) == 0) {
      // What was received may be viewed by what waits to be sent, this datagram included.
      counters_.drop_no_room.add();
      return;
    }
    const ByteView plaintext =
        client.channel.feed(datagram, slab.slot(net::kTlsPlaintextMax, 0), client.last_used, out_);
    address_new_datagrams({client.listener, client.tuple.client, client.tuple.server.ip});
    if (!was_open && client.is_open()) on_handshake_done(client);
    if (plaintext.empty()) break;
    slab.keep(net::kTlsPlaintextMax, 1, plaintext.size());
    turn_.server.on_client_packet(turn_.now(), client.route(), plaintext, turn_.outbox);
  }
  if (client.is_over()) {
    if (!was_open) counters_.handshakes_failed[Transport::dtls].add();
    close(handle);
  }
}

void DtlsClients::on_handshake_done(Client& client) {
  if (!handshaking_.erase(hash_(client.tuple), client.handle)) return;
  handshaking_sources_.remove(client.tuple.client.ip);
  // RFC 6347 section 4.2.8: the client has lost its state, and what was made with it goes too.
  if (const Client* older = find(established_, client.tuple)) close(older->handle);
  established_.insert(hash_(client.tuple), client.handle);
  counters_.handshakes_done[Transport::dtls].add();
}

bool DtlsClients::holds(turn::LinkId link) {
  return clients_.find(handle_of(link)) != nullptr;
}

void DtlsClients::queue(const turn::ToClient& packet) {
  Client* client = clients_.find(handle_of(packet.link));
  if (client == nullptr) return;
  plaintext_.assign(packet.head.begin(), packet.head.end());
  plaintext_.insert(plaintext_.end(), packet.body.begin(), packet.body.end());
  note_use(*client);
  client->channel.write(plaintext_, out_);
  counters_.sent_packets[Transport::dtls].add();
  counters_.sent_bytes[Transport::dtls].add(plaintext_.size());
  address_new_datagrams({client->listener, client->tuple.client, client->tuple.server.ip});
}

void DtlsClients::address_new_datagrams(const Destination& to) {
  while (destinations_.size() < out_.size()) destinations_.push_back(to);
}

void DtlsClients::add_sends(std::vector<net::UdpSocket>& listeners, net::TxBatch& batch) {
  for (size_t i = 0; i < out_.size(); ++i) {
    const Destination& to = destinations_[i];
    net::UdpSocket& socket = listeners[to.listener];
    const Ip source = socket.local().ip.is_unspecified() ? to.server_ip : Ip();
    batch.add({&socket, to.client, source, {}, out_[i], {}});
  }
}

void DtlsClients::clear_sends() {
  out_.clear();
  destinations_.clear();
  for (const SlabHandle handle : used_) {
    Client* client = clients_.find(handle);
    if (client != nullptr) client->channel.release_buffers();
  }
  used_.clear();
}

void DtlsClients::note_use(Client& client) {
  client.last_used = turn_.now().mono;
  if (++client.used_since_tick < kBusy) used_.push_back(client.handle);
}

bool DtlsClients::is_overdue(const Client& client, Instant now) const {
  if (!client.is_open()) {
    if (now - client.opened <= limits_.handshake_max) return false;
    counters_.handshakes_late[Transport::dtls].add();
    return true;
  }
  if (now - client.last_allocation <= limits_.without_allocation) return false;
  counters_.closed_idle.add();
  return true;
}

void DtlsClients::on_tick() {
  const Instant now = turn_.now().mono;
  clients_.for_each([&](SlabHandle handle, Client& client) {
    if (turn_.server.has_allocation(turn_.now(), client.route())) client.last_allocation = now;
    if (const auto deadline = client.channel.deadline(); deadline && *deadline <= now) {
      client.channel.on_deadline(now, out_);
      address_new_datagrams({client.listener, client.tuple.client, client.tuple.server.ip});
    }
    client.used_since_tick = 0;
    if (client.is_open() && now - client.last_used >= seconds(1)) client.channel.release_buffers();
    if (client.is_over() || is_overdue(client, now)) overdue_.push_back(handle);
  });
  for (const SlabHandle handle : overdue_) close(handle);
  overdue_.clear();
}

void DtlsClients::close(SlabHandle handle) {
  Client& client = *clients_.find(handle);
  client.channel.close(out_);
  address_new_datagrams({client.listener, client.tuple.client, client.tuple.server.ip});
  turn_.server.on_link_closed(turn_.now(), client.route(), turn_.outbox);
  sources_.remove(client.tuple.client.ip);
  const uint64_t hash = hash_(client.tuple);
  if (handshaking_.erase(hash, handle)) handshaking_sources_.remove(client.tuple.client.ip);
  static_cast<void>(established_.erase(hash, handle));
  counters_.dtls_closed.add();
  clients_.erase(handle);
}

}  // namespace turnpike::server
