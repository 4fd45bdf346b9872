// The whole protocol core: bytes choose packets, who sends them, time steps, failures and changes
// of settings. Credentials are at hand, so that a fuzzer gets past the gate. After each step the
// counters must add up and the leases must be those of the live allocations.
#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "fuzz/byte_source.h"
#include "stun/channel_data.h"
#include "stun/connect_back.h"
#include "support/core_driver.h"

namespace turnpike::fuzz {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::MessageBuilder;
using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;

// Three places, one of which two users share; the last two speak TCP, and so does the second.
constexpr size_t kClients = 6;
constexpr size_t kMaxConnections = 3;

constexpr std::array<std::string_view, 8> kPeers = {
    "9.9.9.9:1000",    "9.9.9.9:1001",        "9.9.9.10:1000", "127.0.0.1:80",
    "192.0.2.1:49152", "[2607:f8b0::1]:1000", "192.0.2.1:22",  "[2001:db8::1]:49153"};

class Session {
 public:
  explicit Session(ByteView bytes) : source_(bytes), core_(options()) {
    core_.space.min_port = 49152;
    core_.space.max_port = 49159;
    for (size_t i = 0; i < kClients; ++i) {
      const bool is_bob = i == 3;
      clients_.emplace_back(core_, "8.8.8.8:" + std::to_string(40000 + i % 3),
                            is_bob ? "bob" : "alice", is_bob ? "hunter2" : "secret",
                            i == 1 || i > 3 ? Transport::tcp : Transport::udp);
      // A link of its own for each; the last two are fresh ones beside the second.
      clients_.back().route.link = {static_cast<uint32_t>(i), 1};
      if (i > 3) clients_.back().route.tuple.client.port = static_cast<uint16_t>(41000 + i);
    }
  }

  void run() {
    for (int step = 0; step < 400 && !source_.empty(); ++step) {
      take_step();
      check();
    }
    core_.run(seconds(5));
    core_.advance(std::chrono::hours(2));
    core_.tick();
    CHECK(core_.server->allocations() == 0);
    CHECK(core_.server->waiting() == 0);
    CHECK(core_.server->connections() == 0);
    CHECK(core_.quota.total() == 0);
    CHECK(core_.ports.open_leases() == 0);
    CHECK(core_.space.ports_taken() == 0);
  }

 private:
  static CoreDriver::Options options() {
    CoreDriver::Options options;
    options.settings.max_permissions = 4;
    options.settings.max_channels = 3;
    options.settings.max_connections = kMaxConnections;
    options.workers = 2;
    options.settings.quota = {3, 5};
    options.settings.classic_stun = true;
    options.settings.discovery = square();
    options.settings.mobility = true;
    options.settings.tcp_connect_back = true;
    return options;
  }
  // The clients' server address with a second one and a second port (RFC 5780).
  static std::shared_ptr<const turn::BehaviorDiscovery> square() {
    auto discovery = std::make_shared<turn::BehaviorDiscovery>();
    discovery->rfc5780 = true;
    turn::AddressSquare& made = discovery->squares.emplace_back();
    for (uint32_t i = 0; i < made.corners.size(); ++i) {
      const Endpoint local = {testing::ip(i / 2 == 0 ? "192.0.2.1" : "192.0.2.2"),
                              static_cast<uint16_t>(3478 + i % 2)};
      made.corners.at(i) = {local, local, {100 + i, 0}};
    }
    return discovery;
  }

  CoreClient& client() { return clients_[source_.u8() % kClients]; }
  Endpoint peer() {
    const uint8_t choice = source_.u8();
    if (choice < 0xf0) return testing::endpoint(kPeers[choice % kPeers.size()]);
    const std::array<uint8_t, 16> ip = source_.array<16>();
    return {Ip::from_v6(ip), source_.u16()};
  }

  // Attributes that mean something, and some that do not.
  void add_attributes(MessageBuilder& builder) {
    for (uint8_t count = source_.u8() % 5; count > 0; --count) {
      switch (source_.u8() % 16) {
        case 0:
          builder.add_requested_transport(17);
          break;
        case 1:
          builder.add_xor_address(AttributeType::xor_peer_address, peer());
          break;
        case 2:
          builder.add_u32(AttributeType::lifetime, source_.u32());
          break;
        case 3:
          builder.add_channel_number(static_cast<uint16_t>(0x4000 + source_.u8() % 6));
          break;
        case 4:
          builder.add_even_port(source_.u8() % 2 == 0);
          break;
        case 5:
          builder.add_u64(AttributeType::reservation_token, token_);
          break;
        case 6:
          add_family(builder, AttributeType::requested_address_family);
          break;
        case 7:
          add_family(builder, AttributeType::additional_address_family);
          break;
        case 8:
          builder.add(AttributeType::data, source_.bytes(64));
          break;
        case 9:
          builder.add_empty(AttributeType::dont_fragment);
          break;
        case 10:
          builder.add_u32(AttributeType::lifetime, 0);
          break;
        case 11:
          builder.add_fingerprint();
          break;
        case 12:
          builder.add_u32(AttributeType::connection_id, connection_id_);
          break;
        case 13:
          builder.add(AttributeType::mobility_ticket, ByteView(ticket()));
          break;
        case 14:
          builder.add_empty(AttributeType::mobility_ticket);
          break;
        default:
          builder.add(static_cast<AttributeType>(source_.u16()), source_.bytes(32));
          break;
      }
    }
  }
  // A ticket that somebody was given, rarely with a wrong bit.
  testing::Bytes ticket() {
    testing::Bytes ticket = tickets_[source_.u8() % tickets_.size()];
    if (!ticket.empty() && source_.u8() % 8 == 0) ticket[source_.u8() % ticket.size()] ^= 1;
    return ticket;
  }
  void add_family(MessageBuilder& builder, AttributeType type) {
    builder.add_family(type, static_cast<stun::AddressFamily>(source_.u8() % 4));
  }
  static Method method(uint8_t choice) {
    constexpr std::array kMethods = {
        Method::allocate, Method::refresh, Method::create_permission, Method::channel_bind,
        Method::binding,  Method::connect, Method::connection_bind,   stun::kConnectBackMethod};
    return kMethods[choice % kMethods.size()];
  }

  void request() {
    CoreClient& who = client();
    const Method what = method(source_.u8());
    const bool plain = source_.u8() % 8 == 0;
    // A transport is what most requests die of otherwise.
    const bool whole = what == Method::allocate && source_.u8() % 4 != 0;
    const auto add = [&](MessageBuilder& builder) {
      if (whole) builder.add_requested_transport(is_stream(who.route.tuple.transport) ? 6 : 17);
      if (what == Method::connect) {
        builder.add_xor_address(AttributeType::xor_peer_address, peer());
      }
      if (what == stun::kConnectBackMethod && source_.u8() % 2 == 0) {
        builder.add_change_request({.change_ip = true, .change_port = false});
      }
      if (what == Method::connection_bind) {
        builder.add_u32(AttributeType::connection_id, connection_id_);
      }
      add_attributes(builder);
    };
    testing::Bytes packet;
    if (plain) {
      packet = testing::make_request(what, add);
    } else {
      if (who.credentials.nonce.empty()) return learn(who);
      packet = testing::make_request(what, who.credentials, add, testing::transaction(++asked_));
    }
    sometimes_append(packet);
    send(who, packet);
    for (const testing::Received& answer : core_.to_client) remember(answer, who);
    remember_effects();
    for (const turn::ConnectBack& back : core_.effects<turn::ConnectBack>()) {
      CHECK(!plain && back.target.ip == who.route.tuple.client.ip && back.target.port != 0);
    }
  }
  void learn(CoreClient& who) {
    send(who, testing::make_request(Method::allocate));
    remember_all(who);
  }
  void remember_all(CoreClient& who) {
    for (const testing::Received& answer : core_.to_client) remember(answer, who);
  }
  // What a client keeps of an answer: its nonce, and reservation tokens.
  void remember(const testing::Received& answer, CoreClient& who) {
    const auto view = stun::MessageView::parse(answer.bytes);
    if (!view) return;
    if (const auto nonce = view->find(AttributeType::nonce)) {
      who.credentials.nonce = as_text(*nonce);
    }
    if (const auto token = view->find(AttributeType::reservation_token)) {
      token_ = stun::decode_u64(*token).value_or(0);
    }
    if (const auto ticket = view->find(AttributeType::mobility_ticket)) {
      tickets_[next_ticket_++ % tickets_.size()].assign(ticket->begin(), ticket->end());
    }
    if (const auto id = view->find(AttributeType::connection_id)) {
      connection_id_ = stun::decode_u32(*id).value_or(0);
    }
  }
  void remember_effects() {
    for (const turn::ConnectPeer& wanted : core_.effects<turn::ConnectPeer>()) {
      CHECK(!wanted.target.ip.is_loopback());
      CHECK(wanted.target.port != 0);
      // Nothing on this host but what is somebody's relayed address.
      const bool own = wanted.target.ip == testing::ip("192.0.2.1");
      CHECK(!own || core_.directory.find_tcp(wanted.target).has_value());
      connections_.push_back(wanted.connection);
    }
    for (const turn::BindLink& bound : core_.effects<turn::BindLink>()) {
      CHECK(std::find(connections_.begin(), connections_.end(), bound.connection) !=
            connections_.end());
    }
    for (const turn::MoveLink& move : core_.effects<turn::MoveLink>()) CHECK(move.worker == 1);
  }
  turn::ConnectionRef some_connection() {
    if (connections_.empty()) return {};
    return connections_[source_.u8() % connections_.size()];
  }

  // RFC 6062: what the worker tells the core of connections with peers.
  void stream_event() {
    core_.out.clear();
    switch (source_.u8() % 6) {
      case 0:
      case 1:
        core_.peer_connected(some_connection(), turn::Server::PeerConnect::connected);
        return remember_all(clients_[1]);
      case 2:
        return core_.peer_connected(some_connection(), turn::Server::PeerConnect::failed);
      case 3: {
        const Endpoint relayed = {testing::ip("192.0.2.1"),
                                  static_cast<uint16_t>(49152 + source_.u8() % 8)};
        if (!core_.ports.find(relayed)) return;
        if (const auto ref = core_.peer_accepted(relayed, peer())) connections_.push_back(*ref);
        return remember_all(clients_[1]);
      }
      case 4:
        return core_.server->on_connection_closed(some_connection());
      default:
        core_.link_closed(client().route);
    }
  }
  // Attributes behind the integrity, which must not count.
  void sometimes_append(testing::Bytes& packet) {
    if (source_.u8() % 8 != 0) return;
    const ByteView extra = source_.bytes(60);
    const size_t whole = extra.size() / 4 * 4;
    packet.insert(packet.end(), extra.begin(), extra.begin() + static_cast<ptrdiff_t>(whole));
    const size_t length = packet.size() - 20;
    packet[2] = static_cast<uint8_t>(length >> 8);
    packet[3] = static_cast<uint8_t>(length);
  }

  void indication() {
    CoreClient& who = client();
    send(who, testing::make_message(Method::send, Class::indication, testing::transaction(1),
                                    [&](MessageBuilder& builder) {
                                      builder.add_xor_address(AttributeType::xor_peer_address,
                                                              peer());
                                      builder.add(AttributeType::data, source_.bytes(100));
                                      add_attributes(builder);
                                    }));
  }
  void channel_data() {
    CoreClient& who = client();
    const auto number = static_cast<uint16_t>(0x4000 + source_.u8() % 6);
    const ByteView payload = source_.bytes(100);
    const auto header = stun::channel_header(number, payload.size());
    testing::Bytes packet(header.begin(), header.end());
    packet.insert(packet.end(), payload.begin(), payload.end());
    send(who, packet);
  }
  void send(CoreClient& who, ByteView packet) {
    ++sent_;
    core_.client_packet(who.route, packet);
    for (const testing::Received& answer : core_.to_client) check_redirected(who, packet, answer);
  }
  // RFC 5780's RESPONSE-PORT: an answer to another port stays at the address that asked, and has no
  // more bytes than the request or the bare answer.
  static void check_redirected(const CoreClient& who, ByteView packet,
                               const testing::Received& answer) {
    const Endpoint& asker = who.route.tuple.client;
    const auto message = stun::MessageView::parse(answer.bytes);
    if (!message || message->method() != Method::binding || answer.client == asker) return;
    constexpr size_t kBareWithFingerprint = 20 + 24 + 8;
    CHECK(answer.client.ip == asker.ip);
    CHECK(answer.bytes.size() <= std::max(packet.size(), kBareWithFingerprint));
  }

  void from_network() {
    const Endpoint relayed = {testing::ip("192.0.2.1"),
                              static_cast<uint16_t>(49152 + source_.u8() % 8)};
    const auto relay = core_.ports.find(relayed);
    if (!relay) return;
    if (source_.u8() % 4 == 0) {
      core_.peer_error(relayed, peer(), {source_.u8(), source_.u8(), source_.u32()});
    } else {
      core_.peer_packet(*relay, peer(), source_.bytes(255));
    }
  }

  void change() {
    switch (source_.u8() % 7) {
      case 6:
        core_.out.clear();
        core_.server->on_link_closed(core_.now, client().route, core_.out);
        break;
      case 0:
        core_.ports.fail(IpFamily::v4, failure());
        break;
      case 1:
        core_.ports.fail(IpFamily::v6, failure());
        break;
      case 2:
        core_.server->set_admission(source_.u8() % 4 == 0 ? turn::Admission::closed
                                                          : turn::Admission::open);
        break;
      case 3:
        core_.publish_users();
        break;
      case 4:
        core_.store_unavailable = source_.u8() % 2 == 0;
        break;
      default:
        core_.out.clear();
        core_.server->kill(core_.now, source_.u8() % 2 == 0 ? "alice" : "",
                           turn::CloseReason::killed, core_.out);
        break;
    }
  }
  std::optional<turn::OpenError> failure() {
    const uint8_t choice = source_.u8() % 4;
    if (choice == 3) return {};
    return static_cast<turn::OpenError>(choice);
  }

  void take_step() {
    const uint8_t choice = source_.u8();
    // Room was found at the end, so that inputs of old go on meaning what they meant.
    if (choice >= 0xc8) return stream_event();
    switch (choice % 10) {
      case 0:
      case 1:
      case 2:
        return request();
      case 3:
        return indication();
      case 4:
        return channel_data();
      case 5:
        return from_network();
      case 6:
        return core_.advance(milliseconds(source_.u16() * 4));
      case 7:
        return core_.tick();
      case 8:
        return change();
      default:
        return send(client(), source_.bytes(255));
    }
  }

  void check() {
    CHECK(balance_of(core_) == testing::Balance());
    size_t allocations = 0;
    size_t relays = 0;
    size_t connections = 0;
    core_.server->for_each_allocation([&](const turn::Allocation& allocation) {
      ++allocations;
      for (const turn::RelayLease& relay : allocation.relays) relays += relay ? 1U : 0U;
      CHECK(allocation.permissions.size() <= 4);
      CHECK(allocation.channels.size() <= 3);
      CHECK(allocation.connections.size() <= kMaxConnections);
      connections += allocation.connections.size();
    });
    CHECK(core_.quota.total() == allocations);
    CHECK(core_.ports.open_leases() == relays);
    CHECK(core_.server->connections() == connections);
    const uint64_t begun = core_.count(&turn::Counters::connections_opened);
    CHECK(begun >= core_.count(&turn::Counters::connections_closed));
    CHECK(core_.server->counters().by.client_packets.total() == sent_);
    // Whatever leaves is sound.
    for (const testing::Received& message : core_.to_client) {
      const bool framed = stun::parse_channel_data(message.bytes).has_value() ||
                          stun::MessageView::parse(message.bytes).has_value() ||
                          stun::MessageView::parse_classic(message.bytes).has_value();
      CHECK(framed);
    }
    for (const testing::ToPeerCopy& message : core_.to_peer) {
      CHECK(!message.peer.ip.is_loopback());
      CHECK(message.peer.ip != testing::ip("192.0.2.1"));
    }
  }

  ByteSource source_;
  CoreDriver core_;
  std::vector<CoreClient> clients_;
  uint64_t token_ = 0;
  uint32_t connection_id_ = 0;
  std::vector<turn::ConnectionRef> connections_;  // Ever named to us; most are stale.
  std::array<testing::Bytes, 4> tickets_;
  size_t next_ticket_ = 0;
  uint64_t asked_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace
}  // namespace turnpike::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  turnpike::fuzz::Session({data, size}).run();
  return 0;
}
