// What clients, peers, strangers and the operator do in the simulated world.
#include "sim/world.h"
#include "sim/world_shard.h"
#include "stun/builder.h"
#include "support/core_driver.h"

namespace turnpike::sim {

using testing::ip;

namespace {

// Those that keep datagrams apart: a stream would need a framer at both ends.
Transport pick_transport(RandomSource& random) {
  return chance(random, 300) ? Transport::dtls : Transport::udp;
}

}  // namespace

// Clients.

World::ClientPtr World::start_client(size_t slot) {
  const uint32_t incarnation = next_incarnation_++;
  // Some come back to the port that the one before them has left.
  const bool same_port = clients_[slot] != nullptr && chance(random_, 300);
  const auto port = static_cast<uint16_t>(1024 + (incarnation * 7) % 60000);
  const Ip home = Ip::v4(0x05050500 + static_cast<uint32_t>(slot));
  const Transport transport = pick_transport(random_);
  const turn::ClientRoute route =
      same_port ? clients_[slot]->route
                : turn::ClientRoute{link_of(transport), {transport, {home, port}, kServer4}};
  const auto user = std::next(users_.begin(), static_cast<ptrdiff_t>(random_.below(users_.size())));
  client::Credentials credentials = {user->first, user->second};
  if (chance(random_, 300)) credentials.style = client::CredentialStyle::rfc5389;
  if (chance(random_, 50)) credentials.password = "wrong";
  auto client =
      std::make_shared<SimClient>(incarnation, route, route.tuple.client.port % shards_.size(),
                                  std::move(credentials), random_.next());
  tuples_of_[incarnation] = {route.tuple};
  at_[route.tuple] = client;
  return client;
}

void World::pump(const ClientPtr& client) {
  for (size_t i = 0; i < client->out.packet_count(); ++i) {
    const turn::ClientRoute route = client->route;
    const size_t shard = client->shard;
    closed_.erase(route.tuple);  // Whoever sends from there again has connected anew.
    carry(client->out.packet(i),
          [this, route, shard](ByteView bytes) { to_server(route, shard, bytes); });
  }
  for (const client::Event& event : client->out.events()) {
    const auto* allocated = std::get_if<client::Allocated>(&event);
    if (allocated == nullptr || !allocated->reservation_token) continue;
    tokens_.push_back(*allocated->reservation_token);
  }
  client->out.clear();
  const Instant wanted = client->session.deadline();
  if (wanted == Instant::max() || wanted >= client->wakes_at) return;
  client->wakes_at = wanted;
  at(std::max(wanted, now_.mono), [this, client] {
    client->wakes_at = Instant::max();
    if (client->retired) return;
    client->session.on_time(now_.mono, client->out);
    pump(client);
  });
}

void World::act(size_t slot) {
  if (!open_) return;
  after(between(random_, milliseconds(10), options_.pause_max), [this, slot] { act(slot); });
  ClientPtr& client = clients_[slot];
  if (chance(random_, 15)) {
    // The program ends without a word.
    client->retired = true;
    client = start_client(slot);
  }
  if (client->session.allocated()) {
    act_allocated(client);
  } else if (client->session.open_requests() == 0) {
    allocate(client);
  }
  pump(client);
}

void World::allocate(const ClientPtr& client) {
  client::AllocateOptions options;
  const uint64_t mood = random_.below(10);
  if (mood == 0) options.even_port = client::EvenPort::even;
  if (mood == 1) options.even_port = client::EvenPort::even_and_reserve_next;
  if (mood == 2) options.family = stun::AddressFamily::ipv6;
  if (mood == 3 || mood == 4) options.additional_family = stun::AddressFamily::ipv6;
  if (mood == 5) options.lifetime = seconds(static_cast<int64_t>(random_.below(5000)));
  if (mood == 6 && !tokens_.empty()) {
    options.reservation_token = tokens_.back();
    tokens_.pop_back();
  }
  options.mobility = options_.settings.mobility && !chance(random_, 200);
  client->session.allocate(now_.mono, options, client->out);
}

// The connection that a client leaves, or has just begun, may break at any moment of its move.
void World::break_soon(size_t shard, const turn::ClientRoute& route) {
  if (!chance(random_, 300)) return;
  after(between(random_, Duration(0), milliseconds(200)), [this, route, shard] {
    closed_.insert(route.tuple);
    lose_link(shard, route);
  });
}

void World::move(const ClientPtr& client) {
  turn::ClientRoute route = client->route;
  break_soon(client->shard, route);
  route.tuple.client.port = static_cast<uint16_t>(20000 + random_.below(40000));
  route.tuple.transport = pick_transport(random_);
  route.link = link_of(route.tuple.transport);
  if (at_.count(route.tuple) != 0) return;
  at_[route.tuple] = client;
  tuples_of_[client->incarnation].insert(route.tuple);
  client->route = route;
  client->shard = route.tuple.client.port % shards_.size();
  break_soon(client->shard, route);
  client->session.move(now_.mono, client->out);
  // The old ticket is not known for ever.
  for (int i = 0; i < 50; ++i) {
    after(turn::kOldTicketKept + seconds(i), [this] { ledger_.note_change(); });
  }
}

Endpoint World::pick_peer() {
  const uint64_t mood = random_.below(20);
  if (mood == 0) return {ip("10.1.2.3"), 80};
  if (mood == 1) return {ip("::ffff:127.0.0.1"), 80};
  if (mood == 2) return {ip("10.0.0.5"), 3478};
  if (mood < 10 && !known_relayed_.empty()) {
    Endpoint relayed = known_relayed_[random_.below(known_relayed_.size())];
    if (relayed.ip.is_v4() && chance(random_, 200)) relayed.ip = ip("10.0.0.5");
    return relayed;
  }
  Endpoint peer = peers_[random_.below(peers_.size())];
  if (chance(random_, 100)) ++peer.port;
  return peer;
}

void World::send_data(const ClientPtr& client) {
  const Tag tag = {true, client->incarnation, {}};
  const Bytes payload = make_payload(tag, 27 + random_.below(900));
  const Endpoint peer = pick_peer();
  if (chance(random_, 300)) {
    client->session.send_indication(
        peer, payload,
        chance(random_, 500) ? client::Fragmentation::forbidden : client::Fragmentation::allowed,
        client->out);
    return;
  }
  client->session.send(peer, payload, client->out);
}

void World::act_allocated(const ClientPtr& client) {
  if (client->session.has_ticket() && chance(random_, 60)) return move(client);
  const uint64_t mood = random_.below(100);
  if (mood < 2) {
    client->session.refresh(now_.mono, seconds(0), client->out);
  } else if (mood < 4) {
    client->session.refresh(now_.mono, seconds(static_cast<int64_t>(random_.below(4000))),
                            client->out);
  } else if (mood < 20) {
    std::vector<Endpoint> peers;
    for (uint64_t i = 0; i <= random_.below(4); ++i) peers.push_back(pick_peer());
    client->session.create_permission(now_.mono, peers, client->out);
  } else if (mood < 35) {
    const auto number = static_cast<uint16_t>(0x4000 + random_.below(8));
    client->session.bind_channel(now_.mono, number, pick_peer(), client->out);
  } else {
    for (uint64_t i = 0; i <= random_.below(4); ++i) send_data(client);
  }
}

// Peers and strangers.

void World::peer_acts() {
  if (!open_) return;
  after(between(random_, milliseconds(50), options_.pause_max), [this] { peer_acts(); });
  if (known_relayed_.empty()) return;
  const auto index = static_cast<uint32_t>(random_.below(peers_.size()));
  const Endpoint relayed = known_relayed_[random_.below(known_relayed_.size())];
  if (relayed.ip.family() != peers_[index].ip.family()) return;
  if (chance(random_, 200)) {
    const turn::IcmpError error = {static_cast<uint8_t>(random_.below(14)), 3, 1280};
    for (size_t i = 0; i < shards_.size(); ++i) {
      const auto relay = shards_[i]->ports.find(relayed);
      if (!relay) continue;
      serve(i, [&](turn::Server& server, turn::Outbox& out) {
        server.on_peer_error(now_, *relay, peers_[index], error, out);
      });
    }
    return;
  }
  const Bytes payload = make_payload({false, index, relayed}, 27 + random_.below(1200));
  carry(payload,
        [this, relayed, index](ByteView bytes) { to_relay(relayed, peers_[index], bytes); });
}

void World::stranger_acts() {
  if (!open_) return;
  after(between(random_, milliseconds(50), options_.pause_max), [this] { stranger_acts(); });
  const turn::ClientRoute route = {
      link_of(Transport::udp),
      {Transport::udp,
       {Ip::v4(static_cast<uint32_t>(random_.next())), static_cast<uint16_t>(random_.next())},
       kServer4}};
  Bytes packet(random_.below(200));
  random_.fill(packet);
  if (chance(random_, 700)) {
    packet.assign(64, 0);
    stun::MessageBuilder builder(
        packet, chance(random_, 500) ? stun::Method::binding : stun::Method::allocate,
        stun::Class::request, random_.bytes<12>());
    packet.resize(builder.finish().size());
  }
  to_server(route, random_.below(shards_.size()), packet);
}

void World::operator_acts() {
  if (!open_) return;
  after(between(random_, seconds(30), seconds(600)), [this] { operator_acts(); });
  const uint64_t mood = random_.below(4);
  auto user = std::next(users_.begin(), static_cast<ptrdiff_t>(random_.below(users_.size())));
  if (mood == 0) {
    user->second += "'";
    publish_users();
  } else if (mood == 1) {
    for (size_t i = 0; i < shards_.size(); ++i) {
      serve(i, [&](turn::Server& server, turn::Outbox& out) {
        server.kill(now_, user->first, turn::CloseReason::killed, out);
      });
    }
  } else {
    ledger_.note_change();
    const auto admission = mood == 2 ? turn::Admission::closed : turn::Admission::open;
    for (const auto& shard : shards_) shard->server.set_admission(admission);
    after(seconds(20), [this] {
      ledger_.note_change();
      for (const auto& shard : shards_) shard->server.set_admission(turn::Admission::open);
    });
  }
}

}  // namespace turnpike::sim
