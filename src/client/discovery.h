// Finding the public address of a local port, from server names to a verdict, in an event loop:
// what `turnpike discover`, the library and external-ip=auto share.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/discover_session.h"
#include "client/probe_driver.h"
#include "net/resolver.h"

namespace turnpike::client {

struct ServerName {
  std::string host;
  uint16_t port = 3478;

  // HOST, HOST:PORT, [IPV6]:PORT, or a stun: URI of RFC 7064.
  static std::optional<ServerName> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

enum class ProbeTransport : uint8_t { udp, tcp };

// What to do about a port that a program has bound.
enum class Sharing : uint8_t {
  harmless,  // Share it where that can't cost the program a datagram; else refuse.
  risky,     // Join its SO_REUSEPORT group where there is no better way.
  refuse,
};

struct DiscoveryOptions {
  std::vector<ServerName> servers;
  ProbeTransport transport = ProbeTransport::udp;
  std::optional<IpFamily> family = {};  // Unset: `local`'s, else IPv4 if this host has it.
  Endpoint local = {};                  // Ip(): any address. Port 0: any port.
  Sharing sharing = Sharing::harmless;
  Duration patience = seconds(8);
  std::optional<Duration> second_opinion = {};  // As in DiscoverSettings.
};

enum class DiscoveryVerdict : uint8_t {
  found,
  endpoint_dependent,   // Symmetric NAT: the port differs with each destination.
  unconfirmed,          // Only one server answered.
  udp_blocked,          // Servers answer over TCP and not over UDP.
  servers_unreachable,  // Nobody answered by any way.
  no_server_address,    // No server name has an address of the family.
  port_in_use,
  not_allowed,  // The local address or port can't be taken.
};

struct DiscoveryReport {
  DiscoveryVerdict verdict = DiscoveryVerdict::servers_unreachable;
  DiscoverResult result;
  IpFamily family = IpFamily::v4;
  uint16_t port = 0;                     // The local port that was asked for; 0: any.
  bool shared = false;                   // The port was an application's.
  uint64_t taken_from_application = 0;   // With Sharing::risky.
  std::optional<net::SysError> problem;  // With port_in_use and not_allowed.
  std::vector<std::string> notes;        // One line each: what went wrong on the way.
};

class Discovery {
 public:
  // `loop` and `random` outlive it. `on_report` is called once, from the loop; it may destroy the
  // Discovery. Destroying it earlier ends it without a call.
  Discovery(net::EventLoop& loop, RandomSource& random, DiscoveryOptions options,
            std::function<void(const DiscoveryReport&)> on_report);
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;
  ~Discovery();

 private:
  enum class Stage : uint8_t { asking, trying_tcp };

  void resolve();
  void on_resolved(const ServerName& server, const net::Resolver::Addresses& addresses);
  void on_all_resolved();
  void start(Stage stage);
  void on_done();
  void on_tcp_known();
  void report(DiscoveryVerdict verdict);
  Result<std::unique_ptr<ProbePort>, net::SysError> open_port(Slot slot, const Endpoint& towards,
                                                              ProbePortEvents events);

  net::EventLoop& loop_;
  RandomSource& random_;
  DiscoveryOptions options_;
  std::function<void(const DiscoveryReport&)> on_report_;
  DiscoveryReport report_;
  net::Resolver resolver_;
  size_t unresolved_ = 0;
  std::vector<Endpoint> addresses_;
  Stage stage_ = Stage::asking;
  std::unique_ptr<DiscoverSession> session_;
  std::unique_ptr<ProbeDriver> driver_;
  const ProbePort* first_port_ = nullptr;  // Slot 0's, as long as there is a driver.
};

// The public IPv4 address that servers saw, whatever the port: a symmetric NAT has one as well.
// Nothing where none is public, or where servers disagree and no address has the most votes.
std::optional<Ip> public_ip_seen(const DiscoverResult& result);
// The family to speak: as asked for, as `local` says, else IPv4 where this host has a way out.
IpFamily choose_family(std::optional<IpFamily> wanted, const Ip& local);
// Slot 0's port, taken or shared as told. `shared` is set when it was an application's.
Result<std::unique_ptr<ProbePort>, net::SysError> open_probe_port(
    net::EventLoop& loop, ProbeTransport transport, Sharing sharing, const Endpoint& local,
    const Endpoint& towards, ProbePortEvents events, bool& shared);

}  // namespace turnpike::client
