// Finding out which public address and port a local port has, and which kind of NAT is in the way:
// a small library for programs that listen behind one.
//
// Each question comes in two forms: a call that waits, and an object that does its work on the
// caller's libevent base and calls back. There is no global state (libevent's own settings, its log
// among them, are left alone), nothing throws, and what is
// returned are plain values. A call that waits may be made by any thread, an object belongs to the
// thread that runs its base.
//
//   #include <turnpike/discovery.h>
//
//   turnpike::discovery::Options options;
//   options.port = 5060;
//   const auto found = turnpike::discovery::find_public_address(options);
//   if (found.status == turnpike::discovery::Status::found) advertise(found.address);
//
// CMake: find_package(turnpike REQUIRED), target_link_libraries(... turnpike::discovery).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct event_base;

namespace turnpike::discovery {

enum class Transport : std::uint8_t { udp, tcp };
enum class Family : std::uint8_t { automatic, ipv4, ipv6 };

// What to do about a port that a running program has.
enum class Sharing : std::uint8_t {
  harmless,  // Share it where that can't cost the program anything (needs privilege); else refuse.
  risky,     // Also join its SO_REUSEPORT group, which may cost it a datagram.
  refuse,
};

struct Options {
  // HOST, HOST:PORT, [IPV6]:PORT or stun: URIs. Empty: public servers.
  std::vector<std::string> servers;
  std::uint16_t port = 0;  // The local port; 0: any.
  std::string local_ip;    // The local address; empty: any.
  Transport transport = Transport::udp;
  Family family = Family::automatic;
  Sharing sharing = Sharing::harmless;
  // How long nobody may answer. Twice that when somebody has.
  std::chrono::milliseconds patience{8000};
};

enum class Status : std::uint8_t {
  found,
  endpoint_dependent,   // A symmetric NAT: there is no one address to tell others.
  unconfirmed,          // Only one server answered: `address` is what it saw.
  udp_blocked,          // Servers answer over TCP and not over UDP.
  servers_unreachable,  // No server answered.
  port_in_use,          // And can't be shared.
  not_allowed,          // The local address or port can't be taken.
  bad_options,          // Nothing was tried; `message` says what is wrong.
  out_of_resources,     // Memory or file descriptors.
};

struct Address {
  std::string ip;  // Without brackets.
  std::uint16_t port = 0;
};

struct PublicAddress {
  Status status = Status::out_of_resources;
  Address address;         // With found and unconfirmed.
  Address local;           // The same port as this host calls it.
  bool translated = true;  // False: there is no NAT.
  std::string message;     // What went wrong, for people; empty with found.
};

// Waits. A name server that is dead may hold it for as long as `patience`.
PublicAddress find_public_address(const Options& options) noexcept;

// The same on the caller's base.
class PublicAddressSearch {
 public:
  using Callback = std::function<void(const PublicAddress&)>;

  // `base` outlives the search. `on_result` is called once, from the loop, never from within this
  // call, and may destroy the search; it must not throw. nullptr: out of memory.
  static std::unique_ptr<PublicAddressSearch> start(event_base* base, const Options& options,
                                                    Callback on_result) noexcept;
  // Ends it; there is no call any more.
  ~PublicAddressSearch();
  PublicAddressSearch(const PublicAddressSearch&) = delete;
  PublicAddressSearch& operator=(const PublicAddressSearch&) = delete;

 private:
  struct State;
  explicit PublicAddressSearch(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

// ---- which kind of NAT ----

// RFC 4787 sections 4.1 and 5. endpoint_dependent: one of the last two, which one is not known.
enum class Behavior : std::uint8_t {
  unknown,
  endpoint_independent,
  address_dependent,
  address_and_port_dependent,
  endpoint_dependent,
};

struct NatOptions {
  Options where;  // `patience` is not used: the test adapts to loss.
  bool test_hairpin = true;
  bool test_fragments = true;
  // Longer than zero: also measure how long a mapping lasts without traffic, waiting so long.
  std::chrono::seconds longest_lifetime{0};
  // Over TCP filtering takes a server that connects back (Turnpike's tcp-connect-back), which does
  // so for its users. Without a name it is not tested.
  std::string user = {};
  std::string password = {};
};

struct Nat {
  // found: the test ran, whatever came out.
  Status status = Status::out_of_resources;
  // "full cone", "symmetric", ...: RFC 3489's, and "open Internet"; "unknown" where no server
  // answered.
  std::string name;
  std::optional<int> level = {};  // NAT0 to NAT4.
  bool translated = false;
  Behavior mapping = Behavior::unknown;
  Behavior filtering = Behavior::unknown;
  // The server was seen to answer from where the filter test needs it to. Where the mapping depends
  // on the destination it can't be, and filtering is concluded from silence alone.
  bool filtering_proven = false;
  std::optional<bool> hairpin = {};
  std::optional<bool> port_preserved = {};
  std::optional<bool> fragments_out = {};
  std::optional<bool> fragments_in = {};
  bool rewritten = false;  // An application-level gateway changes addresses in packets.
  // A mapping was still there after the first, and gone after the second, if it ever was.
  std::optional<std::chrono::seconds> alive_after = {};
  std::optional<std::chrono::seconds> gone_after = {};
  // Measured by comparing ports, which does not see a NAT that gives the same one again.
  bool lifetime_compared = false;
  double loss = 0;  // Of round trips, 0 to 1.
  Address address;
  Address local;
  std::vector<std::string> notes;
  std::string message;  // What to do about it, or what went wrong.
};

// Waits: some seconds, half a minute on a bad line, and `longest_lifetime`.
Nat test_nat(const NatOptions& options) noexcept;

// The same on the caller's base.
class NatTest {
 public:
  using Callback = std::function<void(const Nat&)>;

  // As PublicAddressSearch.
  static std::unique_ptr<NatTest> start(event_base* base, const NatOptions& options,
                                        Callback on_result) noexcept;
  ~NatTest();
  NatTest(const NatTest&) = delete;
  NatTest& operator=(const NatTest&) = delete;

 private:
  struct State;
  explicit NatTest(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace turnpike::discovery
