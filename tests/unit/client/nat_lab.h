// A NAT and some STUN servers in virtual time, to put a ProbeSession behind: what the network
// namespaces of tests/netns are for real sockets, with servers that lie, and in milliseconds.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/random.h"
#include "client/nat_class.h"
#include "client/probe_session.h"

namespace turnpike::client {

inline const Ip kHostIp = Ip::v4(0xc0a84d64);  // 192.168.77.100
inline const Ip kNatIp = Ip::v4(0xcb007101);   // 203.0.113.1
inline const Ip kIpA = Ip::v4(0xcb00710a);     // 203.0.113.10
inline const Ip kIpB = Ip::v4(0xcb00710b);     // 203.0.113.11
inline const Ip kIpC = Ip::v4(0xcb00710c);     // 203.0.113.12
inline const Endpoint kServerA{kIpA, 3478};
inline const Endpoint kServerB{kIpB, 3479};  // What A calls its OTHER-ADDRESS.
inline const Endpoint kServerC{kIpC, 3478};  // One address.

struct LabNat {
  bool translates = true;
  NatBehavior mapping = NatBehavior::endpoint_independent;
  NatBehavior filtering = NatBehavior::endpoint_independent;
  bool preserves_ports = false;
  bool hairpins = false;
  bool blocks = false;
  int loss_percent = 0;  // Each way.
  Duration forgets_after = seconds(120);
  bool forwards = false;  // Slot 0's port: whatever comes to it is let in.
  bool drops_fragments_out = false;
  bool drops_fragments_in = false;
};

// How a server departs from the rules.
enum class Quirk : uint8_t {
  none,
  silent,              // Answers nobody.
  plain_only,          // MAPPED-ADDRESS alone, RFC 3489's names, unpadded SERVER text.
  ignores_change,      // Answers CHANGE-REQUEST from where it was asked.
  drops_change,        // Doesn't answer CHANGE-REQUEST.
  rejects_change,      // 420.
  changes_both,        // Answers from another address as well where another port was asked for.
  answers_elsewhere,   // Answers everything from another port.
  lies,                // Sees everybody at one address.
  twice,               // Every answer comes twice.
  no_response_port,    // 420 to RESPONSE-PORT.
  advertises_nowhere,  // Its OTHER-ADDRESS leads nowhere.
  pads_to_mtu,         // Answers any PADDING with as much as Ethernet takes.
  drops_unknown,       // Answers nothing with a required attribute that RFC 3489 does not have.
};

struct LabServer {
  Endpoint address;
  std::optional<Endpoint> other = {};
  Quirk quirk = Quirk::none;
};

class NatLab {
 public:
  NatLab(const LabNat& nat, std::vector<LabServer> servers, uint64_t seed = 1);

  // Until the session is done, or so much virtual time has passed.
  void run(ProbeSession& session, Duration limit = seconds(600));
  // Called at that time after the start of run(): a router that is restarted.
  void at(Duration when, std::function<void()> act) { faults_.push_back({when, std::move(act)}); }
  void forget_mappings();
  // Before run(): somebody has used the port already.
  void speak(Slot slot, const Endpoint& to);

  LabNat nat;
  [[nodiscard]] Duration elapsed() const { return now_ - kStart; }
  // Datagrams that the host has sent.
  [[nodiscard]] size_t sent() const { return sent_; }
  // For a call of the session that may send, from within at().
  void call(const std::function<void(Instant, ProbeOutput&)>& act);

 private:
  static constexpr Instant kStart{seconds(1000)};
  static constexpr Duration kOneWay = milliseconds(10);

  struct Mapping {
    Endpoint inside;
    Endpoint outside;
    std::optional<Endpoint> towards;  // What it depends on.
    std::set<Endpoint> spoken_to;
    Instant last_sent;
  };
  struct Flight {
    Instant arrives;
    uint64_t order;
    Endpoint from;
    Endpoint to;
    std::vector<uint8_t> bytes;
  };
  struct Fault {
    Duration when;
    std::function<void()> act;
  };

  [[nodiscard]] bool lost() { return random_.below(100) < static_cast<uint64_t>(nat.loss_percent); }
  Mapping& map_out(const Endpoint& inside, const Endpoint& to);
  void from_host(const ProbePacket& packet, ProbeSession& session);
  void send(const Endpoint& from, const Endpoint& to, std::vector<uint8_t> bytes);
  void arrive(const Flight& flight, ProbeSession& session);
  void at_server(const LabServer& server, const Endpoint& at, const Flight& flight);
  void to_host(const Flight& flight, ProbeSession& session);
  [[nodiscard]] bool lets_in(const Mapping& mapping, const Endpoint& from) const;
  void carry_out(ProbeSession& session, ProbeOutput& out);

  std::vector<LabServer> servers_;
  RandomSource random_;
  Instant now_ = kStart;
  std::vector<Mapping> mappings_;
  std::vector<Flight> flights_;
  std::vector<Fault> faults_;
  ProbeSession* session_ = nullptr;
  std::set<Slot> known_;
  uint16_t next_port_ = 20000;
  uint64_t order_ = 0;
  size_t sent_ = 0;
};

}  // namespace turnpike::client
