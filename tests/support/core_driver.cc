#include "support/core_driver.h"

#include "base/check.h"
#include "stun/attributes.h"
#include "stun/channel_data.h"

namespace turnpike::testing {

using stun::AttributeType;
using stun::Class;
using stun::Method;

namespace {

// Distinct for all requests of a test program, so that no test reuses one by accident.
stun::TransactionId next_transaction() {
  static uint64_t number = 0;
  return transaction(++number);
}

}  // namespace

Ip ip(std::string_view text) {
  const auto parsed_ip = Ip::parse(text);
  CHECK(parsed_ip.has_value());
  return *parsed_ip;
}

Endpoint endpoint(std::string_view text) {
  const auto parsed_endpoint = Endpoint::parse(text, 0);
  CHECK(parsed_endpoint.has_value());
  return *parsed_endpoint;
}

uint16_t Received::error() const {
  const auto value = view().find(AttributeType::error_code);
  if (!value) return 0;
  const auto decoded = stun::decode_error_code(*value);
  CHECK(decoded.has_value());
  return decoded->code;
}

std::optional<uint32_t> Received::u32(AttributeType type) const {
  const auto value = view().find(type);
  return value ? stun::decode_u32(*value) : std::nullopt;
}

std::optional<Endpoint> Received::address(AttributeType type) const {
  const auto value = view().find(type);
  return value ? stun::decode_xor_address(*value, view().transaction_id()) : std::nullopt;
}

std::vector<Endpoint> Received::relayed() const {
  std::vector<Endpoint> found;
  for (const stun::Attribute& attribute : view()) {
    if (attribute.type != AttributeType::xor_relayed_address) continue;
    found.push_back(*stun::decode_xor_address(attribute.value, view().transaction_id()));
  }
  return found;
}

std::string Received::text(AttributeType type) const {
  const auto value = view().find(type);
  return value ? std::string(as_text(*value)) : std::string();
}

CoreDriver::CoreDriver(Options options)
    : settings(std::move(options.settings)),
      peer_settings(std::move(options.peers)),
      space(options.space != nullptr ? *options.space : own_space_),
      directory(options.directory != nullptr ? *options.directory : own_directory_),
      quota(options.quota != nullptr ? *options.quota : own_quota_),
      ports(space),
      random(options.seed) {
  if (options.space == nullptr) {
    space.set_address(IpFamily::v4, FakeAddress{ip("192.0.2.1"), ip("192.0.2.1")});
    space.set_address(IpFamily::v6, FakeAddress{ip("2001:db8::1"), ip("2001:db8::1")});
  }
  if (peer_settings.own_addresses.empty()) {
    peer_settings.own_addresses = {ip("192.0.2.1"), ip("2001:db8::1")};
  }
  users["alice"] = "secret";
  users["bob"] = "hunter2";
  auth::NonceKey nonce_key{};
  nonce_key.fill(0x42);
  turn::RelayPorts& relays = options.relays != nullptr ? *options.relays : ports;
  server = std::make_unique<turn::Server>(
      snapshot(),
      turn::Services{.ports = relays,
                     .directory = directory,
                     .quota = quota,
                     .random = random,
                     .worker = options.worker,
                     .capacity_from_clients = options.capacity_from_clients,
                     .capacity_to_clients = options.capacity_to_clients,
                     .workers = options.workers},
      nonce_key, now.mono);
  publish_users();
}

std::shared_ptr<const turn::Settings> CoreDriver::snapshot() const {
  auto made = std::make_shared<turn::Settings>(settings);
  made->peers = std::make_shared<turn::PeerPolicy>(peer_settings);
  return made;
}

void CoreDriver::add_user(const std::string& name, const std::string& password) {
  users[name] = password;
  publish_users();
}

void CoreDriver::remove_user(const std::string& name) {
  users.erase(name);
  publish_users();
}

void CoreDriver::publish_users() {
  auto state = std::make_shared<auth::StoreState>();
  state->has_users = !users.empty();
  state->limits = realm_limits;
  state->user_limits = limits;
  state->token_keys = token_keys;
  state->realm_of_origin = origins;
  for (const auto& [origin, realm] : origins) {
    if (realm == settings.realm) continue;
    auth::RealmState& other = state->other_realms[realm];
    other.has_users = !other_users[realm].empty();
    other.shared_secrets = other_secrets[realm];
    other.limits = other_limits[realm];
  }
  server->use_store_state(std::move(state), now.mono);
}

void CoreDriver::use_settings(const turn::Settings& changed) {
  settings = changed;
  out.clear();
  server->use_settings(snapshot(), now.mono, out);
  collect();
}

void CoreDriver::use_peers(const turn::PeerPolicySettings& changed) {
  peer_settings = changed;
  out.clear();
  server->use_settings(snapshot(), now.mono, out);
  collect();
}

void CoreDriver::run(seconds time) {
  for (seconds i{0}; i < time; ++i) {
    advance(seconds(1));
    tick();
  }
}

void CoreDriver::collect() {
  to_client.clear();
  to_peer.clear();
  for (const turn::ToClient& message : out.to_client) {
    Received copy;
    copy.bytes.assign(message.head.begin(), message.head.end());
    copy.bytes.insert(copy.bytes.end(), message.body.begin(), message.body.end());
    copy.client = message.client;
    copy.precious = message.precious;
    to_client.push_back(std::move(copy));
  }
  for (const turn::ToPeer& message : out.to_peer) {
    to_peer.push_back({message.relay,
                       message.peer,
                       {message.payload.begin(), message.payload.end()},
                       message.fragmenting});
  }
  all_effects.assign(out.effects.begin(), out.effects.end());
}

auth::KeyCache::Answer CoreDriver::look_up(const turn::FetchKey& fetch) const {
  if (store_unavailable) return unexpected(auth::LookupError::unavailable);
  const auto other = other_users.find(fetch.realm);
  for (const auto& [name, password] : other == other_users.end() ? users : other->second) {
    const bool is_it = fetch.name.empty() ? stun::userhash(name, fetch.realm) == fetch.userhash
                                          : name == fetch.name;
    if (is_it) {
      return auth::UserRecord{name, auth::UserKeys::from_password(name, fetch.realm, password)};
    }
  }
  return unexpected(auth::LookupError::not_found);
}

// The letters of the auth thread come between batches, so the outbox grows on.
void CoreDriver::answer_fetches() {
  if (hold_keys) return;
  for (size_t i = 0; i < out.effects.size(); ++i) {
    const auto* fetch = std::get_if<turn::FetchKey>(&out.effects[i]);
    if (fetch == nullptr) continue;
    const turn::FetchKey asked = *fetch;
    server->on_key(now, asked.ticket, look_up(asked), out);
  }
}

void CoreDriver::client_packet(const turn::ClientRoute& from, ByteView packet) {
  out.clear();
  latest_.assign(packet.begin(), packet.end());
  server->on_client_packet(now, from, latest_, out);
  answer_fetches();
  collect();
}

void CoreDriver::peer_packet(turn::RelayId relay, const Endpoint& peer, ByteView payload) {
  out.clear();
  latest_.assign(payload.begin(), payload.end());
  server->on_peer_packet(now, relay, peer, latest_, out);
  collect();
}

void CoreDriver::peer_packet(const Endpoint& relayed, const Endpoint& peer, ByteView payload) {
  const auto relay = ports.find(relayed);
  CHECK(relay.has_value());
  peer_packet(*relay, peer, payload);
}

void CoreDriver::peer_error(const Endpoint& relayed, const Endpoint& peer,
                            const turn::IcmpError& error) {
  const auto relay = ports.find(relayed);
  CHECK(relay.has_value());
  out.clear();
  server->on_peer_error(now, *relay, peer, error, out);
  collect();
}

void CoreDriver::answer_key(const turn::FetchKey& fetch) {
  out.clear();
  server->on_key(now, fetch.ticket, look_up(fetch), out);
  collect();
}

void CoreDriver::peer_connected(turn::ConnectionRef ref, turn::Server::PeerConnect outcome) {
  out.clear();
  server->on_peer_connected(now, ref, outcome, out);
  collect();
}

void CoreDriver::link_closed(const turn::ClientRoute& route) {
  out.clear();
  server->on_link_closed(now, route, out);
  collect();
}

std::optional<turn::ConnectionRef> CoreDriver::peer_accepted(const Endpoint& relayed,
                                                             const Endpoint& peer) {
  const auto relay = ports.find(relayed);
  CHECK(relay.has_value());
  out.clear();
  const auto ref = server->on_peer_accepted(
      now, *relay, peer, [](turn::ConnectionRef) { return false; }, out);
  collect();
  return ref;
}

void CoreDriver::tick() {
  out.clear();
  server->on_tick(now, out);
  space.expire_reservations(now.mono);
  collect();
}

turn::Allocation* CoreDriver::allocation_of(const turn::ClientRoute& route) {
  turn::Allocation* found = nullptr;
  server->for_each_allocation([&](turn::Allocation& allocation) {
    if (allocation.route.tuple == route.tuple) found = &allocation;
  });
  return found;
}

Balance balance_of(const turn::Counters& c, size_t waiting, uint64_t handed_in,
                   uint64_t handed_out) {
  const auto sum = [](std::initializer_list<const Counter*> counters) {
    uint64_t total = 0;
    for (const Counter* counter : counters) total += counter->get();
    return total;
  };
  const uint64_t client_outcomes =
      sum({&c.binding_successes,       &c.successes,           &c.errors,
           &c.relayed_to_peer_packets, &c.drop_malformed,      &c.drop_classic_stun,
           &c.drop_not_for_servers,    &c.drop_unknown_method, &c.drop_no_allocation,
           &c.drop_no_channel,         &c.drop_bad_indication, &c.drop_client_no_permission,
           &c.drop_local_peer_gone,    &c.drop_new_peer,       &c.drop_rate_limited,
           &c.drop_parked_full,        &c.drop_parked_late,    &c.links_moved,
           &c.connects_unanswered,     &c.forwarded_to_owner});
  const uint64_t peer_outcomes =
      sum({&c.relayed_to_client_packets, &c.drop_peer_no_permission, &c.drop_peer_unknown_relay,
           &c.drop_oversize, &c.drop_client_away});
  // What goes to another allocation arrives there as from a peer: here, or at another worker.
  const uint64_t from_peers =
      c.peer_packets.get() + c.in_process_packets.get() - handed_out + handed_in;
  return {static_cast<int64_t>(c.by.client_packets.total() + c.forwarded_from_links.get() -
                               client_outcomes - waiting),
          static_cast<int64_t>(from_peers - peer_outcomes)};
}

CoreClient::CoreClient(CoreDriver& core, std::string_view address, std::string user,
                       std::string password, Transport transport, std::string_view server)
    : driver(core) {
  route.tuple = {transport, endpoint(address), endpoint(server)};
  credentials = {std::move(user), core.settings.realm, {}, std::move(password)};
}

std::optional<Received> CoreClient::exchange(ByteView packet) {
  driver.client_packet(route, packet);
  if (driver.to_client.empty()) return {};
  CHECK(driver.to_client.size() == 1);
  return driver.to_client.front();
}

void CoreClient::learn_nonce() {
  const auto answer =
      exchange(make_message(Method::allocate, Class::request, next_transaction(), always));
  CHECK(answer.has_value());
  credentials.nonce = answer->text(AttributeType::nonce);
  credentials.realm = answer->text(AttributeType::realm);
}

Bytes CoreClient::sealed(Method method, const AddAttributes& add) {
  if (driver.settings.auth == turn::AuthMode::none) {
    return make_message(method, Class::request, next_transaction(), add);
  }
  if (credentials.nonce.empty()) learn_nonce();
  return make_request(
      method, credentials,
      [&](stun::MessageBuilder& builder) {
        if (always) always(builder);
        if (add) add(builder);
      },
      next_transaction());
}

Received CoreClient::request(Method method, const AddAttributes& add) {
  last_ = sealed(method, add);
  return repeat();
}

Received CoreClient::repeat() {
  const auto answer = exchange(last_);
  CHECK(answer.has_value());
  return *answer;
}

Received CoreClient::allocate(const AddAttributes& add) {
  Received answer = request(Method::allocate, [&](stun::MessageBuilder& builder) {
    builder.add_requested_transport(17);
    if (add) add(builder);
  });
  if (answer.is(Class::success)) relayed_ = answer.relayed();
  return answer;
}

Received CoreClient::refresh(std::optional<uint32_t> lifetime) {
  return request(Method::refresh, [&](stun::MessageBuilder& builder) {
    if (lifetime) builder.add_u32(AttributeType::lifetime, *lifetime);
  });
}

Received CoreClient::permit(std::initializer_list<std::string_view> peers) {
  return request(Method::create_permission, [&](stun::MessageBuilder& builder) {
    for (const std::string_view peer : peers) {
      builder.add_xor_address(AttributeType::xor_peer_address, endpoint(peer));
    }
  });
}

Received CoreClient::bind(uint16_t number, std::string_view peer) {
  return request(Method::channel_bind, [&](stun::MessageBuilder& builder) {
    builder.add_channel_number(number);
    builder.add_xor_address(AttributeType::xor_peer_address, endpoint(peer));
  });
}

void CoreClient::send(std::string_view peer, std::string_view data, const AddAttributes& add) {
  driver.client_packet(route, make_message(Method::send, Class::indication, next_transaction(),
                                           [&](stun::MessageBuilder& builder) {
                                             builder.add_xor_address(
                                                 AttributeType::xor_peer_address, endpoint(peer));
                                             if (add) add(builder);
                                             builder.add(AttributeType::data, data);
                                           }));
}

void CoreClient::send_channel(uint16_t number, std::string_view data) {
  const auto header = stun::channel_header(number, data.size());
  Bytes packet(header.begin(), header.end());
  packet.insert(packet.end(), data.begin(), data.end());
  driver.client_packet(route, packet);
}

}  // namespace turnpike::testing
