#include "sim/world.h"

#include <algorithm>

#include "base/check.h"
#include "base/keyed_hash.h"
#include "sim/world_shard.h"
#include "support/core_driver.h"

namespace turnpike::sim {

using testing::ip;

namespace {

constexpr Duration kTick = seconds(1);

std::vector<Ledger::OwnAddress> own_addresses() {
  return {{ip("10.0.0.5"), ip("8.8.4.4")}, {ip("2001:4860::5"), ip("2001:4860::5")}};
}

turn::PeerPolicySettings peer_settings() {
  turn::PeerPolicySettings settings;
  for (const Ledger::OwnAddress& own : own_addresses()) {
    settings.own_addresses.push_back(own.local);
    settings.own_addresses.push_back(own.external);
  }
  return settings;
}

// The largest payload that anybody sends here.
constexpr uint64_t kPayloadMax = 1500;

// Each worker may hold what it was lent for one period, and may have gone one datagram too far.
RateBook book_of_all(const WorldOptions& options) {
  const uint64_t lent = options.capacity / turn::kPeriodsPerSecond + kPayloadMax;
  return {options.capacity, turn::rate_burst(options.capacity) + 2 * options.shards * lent};
}

RateBook book_of_one(const WorldOptions& options) {
  const uint64_t rate = options.settings.session.bytes_per_s;
  return {rate, turn::rate_burst(rate)};
}

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      random_(options.seed),
      capacity_from_clients_(options.capacity, now_.mono),
      capacity_to_clients_(options.capacity, now_.mono),
      ledger_(options.settings, own_addresses()),
      all_from_clients_(book_of_all(options)),
      all_to_clients_(book_of_all(options)) {
  options_.settings.peers = std::make_shared<turn::PeerPolicy>(peer_settings());
  for (const Ledger::OwnAddress& own : own_addresses()) {
    space_.set_address(own.local.family(), testing::FakeAddress{own.local, own.external});
  }
  space_.min_port = 50000;
  space_.max_port = static_cast<uint16_t>(50000 + 3 * options.clients);
  for (const std::string name : {"alice", "bob", "carol"}) users_[name] = name + "'s password";
  for (uint32_t i = 0; i < options.shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(*this, i));
  }
  publish_users();
  for (uint32_t i = 0; i < options.peers; ++i) {
    peers_.push_back(i % 3 == 2
                         ? Endpoint{ip("2607:f8b0::" + std::to_string(i + 1)), 7000}
                         : Endpoint{Ip::v4(0x09090900 + i / 2), static_cast<uint16_t>(7000 + i)});
  }
  clients_.resize(options.clients);
  for (size_t slot = 0; slot < options.clients; ++slot) {
    clients_[slot] = start_client(slot);
    after(between(random_, Duration(0), options_.pause_max), [this, slot] { act(slot); });
  }
  after(kTick, [this] { tick(); });
  after(kTick / 3, [this] { peer_acts(); });
  after(kTick / 5, [this] { stranger_acts(); });
  after(seconds(60), [this] { operator_acts(); });
}

World::~World() = default;

// Time.

void World::at(Instant when, std::function<void()> happen) {
  events_.push({when, next_order_++, std::move(happen)});
}

void World::run(Duration time) {
  step(now_.mono + time);
}

void World::step(Instant until) {
  while (violation_.empty() && !events_.empty() && events_.top().at <= until) {
    Event event = events_.top();
    events_.pop();
    now_.wall += event.at - now_.mono;
    now_.mono = event.at;
    ++happened_;
    event.happen();
  }
  if (now_.mono < until) {
    now_.wall += until - now_.mono;
    now_.mono = until;
  }
}

void World::tick() {
  ledger_.note_time(now_.mono);
  for (size_t i = 0; i < shards_.size(); ++i) {
    serve(i, [&](turn::Server& server, turn::Outbox& out) { server.on_tick(now_, out); });
  }
  space_.expire_reservations(now_.mono);
  check_leases();
  after(kTick, [this] { tick(); });
}

void World::settle() {
  open_ = false;
  for (const ClientPtr& client : clients_) client->retired = true;
  // The longest allocation, and as much again for what is late.
  run(options_.settings.max_lifetime + seconds(150));
  if (!violation_.empty()) return;
  for (const auto& shard : shards_) {
    if (shard->server.allocations() != 0) violate("an allocation outlives its deadline");
    if (shard->server.waiting() != 0) violate("a request waits for ever");
    if (shard->server.forward_notes() != 0) violate("a forward note stays for ever");
    if (shard->ports.open_leases() != 0) violate("a port is held by nobody");
    const turn::Counters& counters = shard->server.counters();
    if (counters.allocations_opened.get() != counters.allocations_closed.get()) {
      violate("allocations opened and closed differ");
    }
  }
  if (quota_.total() != 0) violate("a place in the quota is held by nobody");
  if (space_.ports_taken() != 0) violate("a port was never given back");
}

// The network.

void World::carry(ByteView datagram, const std::function<void(ByteView)>& arrive) {
  KeyedHasher hasher({trace_, static_cast<uint64_t>(now_.mono.time_since_epoch().count())});
  hasher.add_range(datagram.data(), datagram.size());
  trace_ = hasher.finish();

  const LinkQuality& link = options_.link;
  if (chance(random_, link.loss_permille)) return;
  const int copies = chance(random_, link.duplicate_permille) ? 2 : 1;
  const auto bytes = std::make_shared<const Bytes>(datagram.begin(), datagram.end());
  for (int i = 0; i < copies; ++i) {
    after(between(random_, link.delay_min, link.delay_max), [bytes, arrive] { arrive(*bytes); });
  }
}

// The server.

void World::serve(size_t index, const std::function<void(turn::Server&, turn::Outbox&)>& call) {
  Shard& shard = *shards_[index];
  shard.out.clear();
  call(shard.server, shard.out);
  // Ends from outside come before what is sent, and openings are in the answers themselves.
  for (const turn::Effect& effect : shard.out.effects) carry_out(index, effect);
  for (const turn::ToClient& message : shard.out.to_client) deliver_to_client(shard, message);
  for (const turn::ToPeer& message : shard.out.to_peer) deliver_to_peer(shard, message);
  for (const turn::ToWorker& letter : shard.out.to_worker) {
    ++shard.handed_out;
    check_rate_from_client(letter.source, letter.payload.size());
    deliver_to_shard(letter);
  }
  for (const turn::ToOwner& packet : shard.out.to_owner) mail_packet(index, packet);
  check_balance(shard);
}

void World::to_server(const turn::ClientRoute& route, size_t shard, ByteView packet) {
  ledger_.note_packet(route.tuple, packet);
  serve(shard, [&](turn::Server& server, turn::Outbox& out) {
    server.on_client_packet(now_, route, packet, out);
  });
}

void World::to_relay(const Endpoint& relayed, const Endpoint& source, ByteView payload) {
  for (size_t i = 0; i < shards_.size(); ++i) {
    const auto relay = shards_[i]->ports.find(relayed);
    if (!relay) continue;
    serve(i, [&](turn::Server& server, turn::Outbox& out) {
      server.on_peer_packet(now_, *relay, source, payload, out);
    });
    return;
  }
}

void World::deliver_to_client(Shard& shard, const turn::ToClient& message) {
  Bytes packet(message.head.begin(), message.head.end());
  packet.insert(packet.end(), message.body.begin(), message.body.end());
  const FiveTuple tuple = {transport_of(message.link), message.client, kServer4};
  if (message.server_ip != kServer4.ip) violate("an answer from another address of ours");
  std::optional<Ledger::Carried> carried;
  const Verdict verdict = ledger_.check_to_client(tuple, packet, now_.mono, carried);
  if (!verdict.empty()) violate(verdict + " (shard " + std::to_string(shard.number) + ")");
  if (carried) {
    check_carried(tuple, *carried);
    check_rate_to_client(tuple, carried->payload.size());
  }
  const auto leave = [this, tuple](ByteView bytes_out) {
    carry(bytes_out, [this, tuple](ByteView bytes) {
      const auto it = at_.find(tuple);
      const ClientPtr client = it == at_.end() ? nullptr : it->second.lock();
      if (!client || client->retired) return;
      client->session.on_packet(now_.mono, bytes, client->out);
      pump(client);
    });
  };
  if (!message.link.is_elsewhere()) return leave(packet);
  mail(shard.number, message.link.worker, [leave, packet] { leave(packet); });
}

void World::mail(size_t from, size_t to, std::function<void()> happen) {
  Instant& last = mail_at_[{from, to}];
  last = std::max(last, now_.mono + between(random_, Duration(0), milliseconds(5)));
  at(last, std::move(happen));
}

void World::mail_packet(size_t from, const turn::ToOwner& packet) {
  CHECK(packet.worker < shards_.size() && packet.worker != from);
  const Bytes bytes(packet.packet.begin(), packet.packet.end());
  turn::ClientRoute route = packet.from;
  route.link.worker = static_cast<uint32_t>(from);
  const size_t to = packet.worker;
  mail(from, to, [this, to, route, bytes] {
    serve(to, [&](turn::Server& server, turn::Outbox& out) {
      server.on_client_packet(now_, route, bytes, out);
    });
  });
}

void World::mail_route(size_t shard, const turn::Effect& effect) {
  const auto at_home = [](turn::ClientRoute route) {
    route.link.worker = turn::LinkId::kHere;
    return route;
  };
  if (const auto* held = std::get_if<turn::RouteHeld>(&effect)) {
    mail(shard, held->route.link.worker, [this, at_home, note = *held] {
      ledger_.note_change();
      const bool is_closed = closed_.count(note.route.tuple) != 0;
      const auto link = is_closed ? turn::LinkState::closed : turn::LinkState::open;
      held_late_ += is_closed ? 1 : 0;
      serve(note.route.link.worker, [&](turn::Server& server, turn::Outbox& out) {
        server.on_route_held(now_, note.owner, at_home(note.route), note.deadline, link, out);
      });
    });
  } else if (const auto* released = std::get_if<turn::RouteReleased>(&effect)) {
    mail(shard, released->route.link.worker, [this, at_home, note = *released] {
      ledger_.note_change();
      serve(note.route.link.worker, [&](turn::Server& server, turn::Outbox&) {
        server.on_route_released(now_, note.owner, at_home(note.route));
      });
    });
  } else if (const auto* lost = std::get_if<turn::RouteLost>(&effect)) {
    mail(shard, lost->owner, [this, shard, note = *lost] {
      turn::ClientRoute route = note.route;
      route.link.worker = static_cast<uint32_t>(shard);
      lose_link(note.owner, route);
    });
  }
}

void World::lose_link(size_t shard, const turn::ClientRoute& route) {
  bool survives = false;
  shards_[shard]->server.for_each_allocation([&](const turn::Allocation& allocation) {
    const turn::ClientRoute* known = allocation.route_at(route.tuple);
    survives = survives || (known != nullptr && known->link == route.link && allocation.mobility);
  });
  serve(shard,
        [&](turn::Server& server, turn::Outbox& out) { server.on_link_closed(now_, route, out); });
  ledger_.note_change();
  if (survives) ledger_.note_lost(route.tuple);
}

void World::deliver_to_peer(Shard& shard, const turn::ToPeer& message) {
  const Endpoint* relayed = shard.ports.external_of(message.relay);
  if (relayed == nullptr) return violate("a datagram from a socket that is closed");
  const Verdict verdict = ledger_.check_to_peer(*relayed, message.peer, now_.mono);
  if (!verdict.empty()) violate(verdict);
  check_rate_from_client(*relayed, message.payload.size());
  const auto tag = read_payload(message.payload);
  if (!tag || !tag->from_client) return violate("a payload to a peer that no client made");
  if (!client_holds(tag->sender, *relayed)) {
    violate("a payload from another client's relayed address");
  }
  const auto is_own = [&](const Ledger::OwnAddress& own) {
    return own.local == message.peer.ip || own.external == message.peer.ip;
  };
  const auto own = own_addresses();
  if (std::any_of(own.begin(), own.end(), is_own)) violate("a datagram to ourselves");

  const auto it = std::find(peers_.begin(), peers_.end(), message.peer);
  if (it == peers_.end()) return;
  const auto index = static_cast<uint32_t>(it - peers_.begin());
  const Endpoint from = *relayed;
  const size_t size = message.payload.size();
  carry(message.payload, [this, index, from, size](ByteView) {
    // Most peers answer.
    if (!open_ || chance(random_, 300)) return;
    const Bytes answer = make_payload({false, index, from}, size);
    carry(answer, [this, index, from](ByteView bytes) { to_relay(from, peers_[index], bytes); });
  });
}

void World::deliver_to_shard(const turn::ToWorker& letter) {
  CHECK(letter.worker < shards_.size());
  const auto payload = std::make_shared<const Bytes>(letter.payload.begin(), letter.payload.end());
  const turn::RelayId relay = letter.relay;
  const Endpoint source = letter.source;
  const size_t to = letter.worker;
  // Mail between workers is not lost, but may wait.
  after(between(random_, Duration(0), milliseconds(5)), [this, payload, relay, source, to] {
    ++shards_[to]->handed_in;
    serve(to, [&](turn::Server& server, turn::Outbox& out) {
      server.on_handed_over(now_, relay, source, *payload, out);
    });
  });
}

void World::carry_out(size_t shard, const turn::Effect& effect) {
  if (const auto* fetch = std::get_if<turn::FetchKey>(&effect)) {
    // Now and then the store is slower than a request may wait.
    const Duration delay =
        chance(random_, 20) ? seconds(3) : between(random_, Duration(0), milliseconds(50));
    const turn::FetchKey asked = *fetch;
    after(delay, [this, shard, asked] { answer_key(shard, asked); });
  } else if (const auto* closed = std::get_if<turn::AllocationClosed>(&effect)) {
    ledger_.note_change();
    if (closed->reason != turn::CloseReason::deleted) ledger_.note_ended(closed->tuple);
  } else if (const auto* moved = std::get_if<turn::AllocationMoved>(&effect)) {
    const Verdict verdict = ledger_.note_moved(moved->from, moved->to);
    if (!verdict.empty()) violate(verdict);
  } else if (const auto* opened = std::get_if<turn::AllocationOpened>(&effect)) {
    ledger_.note_change();
    to_client_.erase(opened->tuple);
    for (const Endpoint& relayed : opened->relayed) {
      from_client_.erase(relayed);
      known_relayed_.push_back(relayed);
    }
    if (known_relayed_.size() > 64) known_relayed_.erase(known_relayed_.begin());
  } else {
    mail_route(shard, effect);
  }
}

void World::answer_key(size_t shard, const turn::FetchKey& fetch) {
  auth::KeyCache::Answer answer = unexpected(auth::LookupError::not_found);
  for (const auto& [name, password] : users_) {
    const bool is_it = fetch.name.empty()
                           ? stun::userhash(name, options_.settings.realm) == fetch.userhash
                           : name == fetch.name;
    if (is_it) {
      answer = auth::UserRecord{
          name, auth::UserKeys::from_password(name, options_.settings.realm, password)};
    }
  }
  if (chance(random_, 20)) answer = unexpected(auth::LookupError::unavailable);
  serve(shard, [&](turn::Server& server, turn::Outbox& out) {
    server.on_key(now_, fetch.ticket, answer, out);
  });
}

void World::publish_users() {
  ledger_.note_change();
  auto state = std::make_shared<auth::StoreState>();
  state->has_users = true;
  for (const auto& shard : shards_) shard->server.use_store_state(state, now_.mono);
}

// Invariants.

void World::violate(const std::string& what) {
  if (!violation_.empty()) return;
  const auto ms = std::chrono::duration_cast<milliseconds>(now_.mono.time_since_epoch()).count();
  violation_ = what + " (event " + std::to_string(happened_) + ", " + std::to_string(ms) + " ms)";
}

void World::check_balance(Shard& shard) {
  const auto balance = testing::balance_of(shard.server.counters(), shard.server.waiting(),
                                           shard.handed_in, shard.handed_out);
  const turn::Counters& counters = shard.server.counters();
  const auto over_rates =
      static_cast<int64_t>(counters.drop_session_rate.get() + counters.drop_capacity.get());
  if (balance.client_lost < 0 || balance.peer_lost < 0 ||
      balance.client_lost + balance.peer_lost != over_rates) {
    violate("the counters do not add up: " + std::to_string(balance.client_lost) + " of clients, " +
            std::to_string(balance.peer_lost) + " of peers");
  }
  if (shard.server.counters().drop_outbox_full.get() != 0) violate("an outbox was full");
  // A session that moves to another transport is counted as closed where it was counted as opened.
  for (const Transport transport : {Transport::udp, Transport::dtls}) {
    const turn::Breakdown& by = shard.server.counters().by;
    const uint64_t open =
        by.allocations_opened[transport].get() - by.allocations_closed[transport].get();
    uint64_t live = 0;
    shard.server.for_each_allocation([&](const turn::Allocation& allocation) {
      live += allocation.counted_as == transport ? 1 : 0;
    });
    if (open != live) violate("open sessions of a transport do not add up");
  }
}

void World::check_leases() {
  size_t allocations = 0;
  size_t ports = 0;
  for (const auto& shard : shards_) {
    size_t relays = 0;
    shard->server.for_each_allocation([&](const turn::Allocation& allocation) {
      ++allocations;
      for (const turn::RelayLease& relay : allocation.relays) {
        if (!relay) continue;
        ++relays;
        const turn::RelayOwner owner = {shard->number, relay.id()};
        if (directory_.find(relay.external()) != owner) violate("the directory is wrong");
      }
    });
    if (relays != shard->ports.open_leases()) violate("leases differ from live allocations");
    ports += relays;
  }
  if (quota_.total() != allocations) violate("the quota differs from live allocations");
  if (space_.ports_taken() != ports + space_.reservations()) violate("a port got lost");
}

void World::check_carried(const FiveTuple& client, const Ledger::Carried& carried) {
  const auto tag = read_payload(carried.payload);
  if (!tag) return violate("a payload to a client that nobody made");
  if (!tag->from_client) {
    if (peers_[tag->sender] != carried.peer) violate("a payload under another peer's name");
    if (!ledger_.holds(client, tag->relayed, now_.mono)) {
      violate("a payload to another client than it was sent to");
    }
    return;
  }
  // In process: the sender may have ended since, but the name must have been its own.
  const auto owner = ledger_.owner_of(carried.peer, now_.mono);
  if (owner && !client_holds(tag->sender, carried.peer)) {
    violate("a payload under another client's name");
  }
}

// The two relayed addresses of one session share its rate; each by itself must keep to it.
void World::check_rate_from_client(const Endpoint& relayed, size_t size) {
  const auto [book, is_new] = from_client_.try_emplace(relayed, book_of_one(options_));
  if (!book->second.note(size, now_.mono)) violate("a client sends more than its rate");
  if (!all_from_clients_.note(size, now_.mono)) violate("clients send more than the capacity");
}

void World::check_rate_to_client(const FiveTuple& client, size_t size) {
  const auto [book, is_new] = to_client_.try_emplace(client, book_of_one(options_));
  if (!book->second.note(size, now_.mono)) violate("a client gets more than its rate");
  if (!all_to_clients_.note(size, now_.mono)) violate("clients get more than the capacity");
}

bool World::client_holds(uint32_t incarnation, const Endpoint& relayed) {
  const auto& tuples = tuples_of_[incarnation];
  return std::any_of(tuples.begin(), tuples.end(), [&](const FiveTuple& tuple) {
    return ledger_.holds(tuple, relayed, now_.mono);
  });
}

World::Totals World::totals() const {
  Totals totals;
  totals.events = happened_;
  totals.held_late = held_late_;
  for (const auto& shard : shards_) {
    const turn::Counters& c = shard->server.counters();
    totals.to_peers += c.relayed_to_peer_packets.get();
    totals.to_clients += c.relayed_to_client_packets.get();
    totals.in_process += c.in_process_packets.get();
    totals.allocations += c.allocations_opened.get();
    totals.moves += c.moves.get();
    totals.forwarded += c.forwarded_from_links.get();
    totals.over_session_rate += c.drop_session_rate.get();
    totals.over_capacity += c.drop_capacity.get();
    totals.dropped_without_permission +=
        c.drop_peer_no_permission.get() + c.drop_client_no_permission.get();
  }
  return totals;
}

}  // namespace turnpike::sim
