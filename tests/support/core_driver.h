// Drives one turn::Server by calls, in virtual time, with everything around it faked.
//
// CoreDriver owns the server and what it needs; CoreClient is one 5-tuple that speaks to it. The
// user store is a map; a FetchKey is answered at once unless `hold_keys` is set.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/fake_relay_ports.h"
#include "support/messages.h"
#include "turn/server.h"

namespace turnpike::testing {

// 198.51.100.0/24 and 2001:db8::/32 are refused as peers by default, so peers of tests come from
// ordinary public space.
Ip ip(std::string_view text);
Endpoint endpoint(std::string_view text);

// One message to a client, put together as it would leave.
struct Received {
  Bytes bytes;
  Endpoint client;
  turn::Precious precious = turn::Precious::no;

  [[nodiscard]] stun::MessageView view() const { return parsed(bytes); }
  [[nodiscard]] bool is(stun::Class message_class) const {
    return view().message_class() == message_class;
  }
  // 0: no ERROR-CODE.
  [[nodiscard]] uint16_t error() const;
  [[nodiscard]] std::optional<uint32_t> u32(stun::AttributeType type) const;
  [[nodiscard]] std::optional<Endpoint> address(stun::AttributeType type) const;
  // Every XOR-RELAYED-ADDRESS, in order.
  [[nodiscard]] std::vector<Endpoint> relayed() const;
  [[nodiscard]] std::string text(stun::AttributeType type) const;
};

struct ToPeerCopy {
  turn::RelayId relay;
  Endpoint peer;
  Bytes payload;
  turn::Fragmenting fragmenting;
};

class CoreDriver {
 public:
  struct Options {
    turn::Settings settings = {};
    turn::PeerPolicySettings peers = {};
    uint64_t seed = 1;
    uint32_t worker = 0;
    uint32_t workers = 1;
    // Shared ones, of a test with several workers; without them the driver has its own.
    FakePortSpace* space = nullptr;
    turn::RelayDirectory* directory = nullptr;
    auth::QuotaLedger* quota = nullptr;
    // Real sockets, which outlive the driver; without them its ports are made up.
    turn::RelayPorts* relays = nullptr;
    turn::CapacityPool* capacity_from_clients = nullptr;
    turn::CapacityPool* capacity_to_clients = nullptr;
  };

  CoreDriver() : CoreDriver(Options()) {}
  explicit CoreDriver(Options options);

  // Stored users: password by name.
  void add_user(const std::string& name, const std::string& password);
  void remove_user(const std::string& name);
  // Tells the server what it must know of the store; after a change of users.
  void publish_users();
  void use_settings(const turn::Settings& settings);
  void use_peers(const turn::PeerPolicySettings& peers);

  void advance(Duration by) {
    now.mono += by;
    now.wall += by;
  }
  // Seconds pass one by one, each with its tick.
  void run(seconds time);

  // Each of these clears the outbox first and copies what came out.
  void client_packet(const turn::ClientRoute& from, ByteView packet);
  void peer_packet(turn::RelayId relay, const Endpoint& peer, ByteView payload);
  void peer_packet(const Endpoint& relayed, const Endpoint& peer, ByteView payload);
  void peer_error(const Endpoint& relayed, const Endpoint& peer, const turn::IcmpError& error);
  void answer_key(const turn::FetchKey& fetch);
  // RFC 6062.
  void peer_connected(turn::ConnectionRef ref, turn::Server::PeerConnect outcome);
  void link_closed(const turn::ClientRoute& route);
  std::optional<turn::ConnectionRef> peer_accepted(const Endpoint& relayed, const Endpoint& peer);
  void tick();

  // Answers a FetchKey as the store would.
  [[nodiscard]] auth::KeyCache::Answer look_up(const turn::FetchKey& fetch) const;

  // What the latest call produced.
  std::vector<Received> to_client;
  std::vector<ToPeerCopy> to_peer;

  template <typename Kind>
  [[nodiscard]] std::vector<Kind> effects() const {
    std::vector<Kind> found;
    for (const turn::Effect& effect : all_effects) {
      if (const auto* kind = std::get_if<Kind>(&effect)) found.push_back(*kind);
    }
    return found;
  }
  std::vector<turn::Effect> all_effects;

  [[nodiscard]] uint64_t count(Counter turn::Counters::*member) const {
    return (server->counters().*member).get();
  }
  [[nodiscard]] turn::Allocation* allocation_of(const turn::ClientRoute& route);

  Now now{Instant(seconds(1000)), WallTime(seconds(1'700'000'000))};
  turn::Settings settings;
  turn::PeerPolicySettings peer_settings;
  std::map<std::string, std::string> users;
  std::map<std::string, auth::StoredLimits, std::less<>>
      limits;  // By user; publish_users() afterwards.
  auth::StoredLimits realm_limits;
  // Realms by ORIGIN, with users (password by name), secrets and limits of their own.
  std::map<std::string, std::string, std::less<>> origins;
  std::map<std::string, std::map<std::string, std::string>> other_users;
  std::map<std::string, std::vector<std::string>> other_secrets;
  std::map<std::string, auth::StoredLimits> other_limits;
  std::map<std::string, auth::AccessTokenKey, std::less<>> token_keys;  // By kid.
  bool store_unavailable = false;
  bool hold_keys = false;  // FetchKey effects stay unanswered.

 private:
  FakePortSpace own_space_;
  turn::RelayDirectory own_directory_;
  auth::QuotaLedger own_quota_;

 public:
  FakePortSpace& space;
  turn::RelayDirectory& directory;
  auth::QuotaLedger& quota;
  FakeRelayPorts ports;
  RandomSource random;
  turn::Outbox out;
  std::unique_ptr<turn::Server> server;

 private:
  Bytes latest_;  // What the views in the outbox point into.

  void collect();
  void answer_fetches();
  [[nodiscard]] std::shared_ptr<const turn::Settings> snapshot() const;
};

// What becomes of the packets that went in: `lost` is what no counter explains, so zero is right,
// but for the drops whose counters stand for either direction (a full outbox, bandwidth): their sum
// must be that of the two numbers here.
struct Balance {
  int64_t client_lost = 0;
  int64_t peer_lost = 0;
  friend bool operator==(const Balance&, const Balance&) = default;
};
// `handed_in` and `handed_out` count the letters between workers.
Balance balance_of(const turn::Counters& counters, size_t waiting, uint64_t handed_in,
                   uint64_t handed_out);
inline Balance balance_of(const CoreDriver& driver) {
  return balance_of(driver.server->counters(), driver.server->waiting(), 0, 0);
}

class CoreClient {
 public:
  // A user of the driver, or "" for none.
  CoreClient(CoreDriver& driver, std::string_view address, std::string user = "alice",
             std::string password = "secret", Transport transport = Transport::udp,
             std::string_view server = "192.0.2.1:3478");

  // Sends a request with credentials (after a challenge, if there was none yet) and returns the
  // answer; stops the test when there is not exactly one.
  Received request(stun::Method method, const AddAttributes& add = {});
  // The same request again, byte by byte.
  Received repeat();
  // Sends and returns what came back, if anything.
  std::optional<Received> exchange(ByteView packet);
  // The bytes of a request with credentials.
  Bytes sealed(stun::Method method, const AddAttributes& add = {});

  Received allocate(const AddAttributes& add = {});
  Received refresh(std::optional<uint32_t> lifetime);
  Received permit(std::initializer_list<std::string_view> peers);
  Received bind(uint16_t number, std::string_view peer);
  void send(std::string_view peer, std::string_view data, const AddAttributes& add = {});
  void send_channel(uint16_t number, std::string_view data);

  // Asks for a challenge and keeps its nonce.
  void learn_nonce();

  // The relayed address of the latest successful allocate().
  [[nodiscard]] const Endpoint& relayed() const { return relayed_.at(0); }
  [[nodiscard]] turn::Allocation* allocation() { return driver.allocation_of(route); }

  CoreDriver& driver;
  turn::ClientRoute route;
  Credentials credentials;
  AddAttributes always;  // In every request.

 private:
  Bytes last_;
  std::vector<Endpoint> relayed_;
};

}  // namespace turnpike::testing
