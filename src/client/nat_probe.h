// The NAT test from server names to a verdict, in an event loop: what `turnpike nat` and the
// library share.
#pragma once

#include <functional>
#include <memory>

#include "client/discovery.h"
#include "client/nat_session.h"
#include "client/tcp_filter_probe.h"

namespace turnpike::client {

struct NatProbeOptions {
  DiscoveryOptions where;  // Servers, transport, family, port; `patience` is not used.
  bool test_hairpin = true;
  bool test_fragments = true;
  std::optional<seconds> longest_lifetime = {};
  // For servers that connect back over TCP; without a name filtering stays unknown there.
  Credentials credentials = {};
};

struct NatReport {
  NatResult result;
  IpFamily family = IpFamily::v4;
  // With NatPresence::blocked: servers do answer over TCP. Else nobody does.
  bool tcp_answers = false;
  bool no_server_address = false;
  bool shared = false;                   // The port was an application's.
  std::optional<net::SysError> problem;  // The local port could not be had; nothing was tested.
};

class NatProbe {
 public:
  // As Discovery.
  NatProbe(net::EventLoop& loop, RandomSource& random, NatProbeOptions options,
           std::function<void(const NatReport&)> on_report);
  NatProbe(const NatProbe&) = delete;
  NatProbe& operator=(const NatProbe&) = delete;
  ~NatProbe();

 private:
  void on_resolved(const ServerName& server, const net::Resolver::Addresses& addresses);
  void start();
  void start_session();
  void on_done();
  void check_tcp();
  void report();
  Result<std::unique_ptr<ProbePort>, net::SysError> open_port(Slot slot, const Endpoint& towards,
                                                              ProbePortEvents events);

  net::EventLoop& loop_;
  RandomSource& random_;
  NatProbeOptions options_;
  std::function<void(const NatReport&)> on_report_;
  NatReport report_;
  net::Resolver resolver_;
  std::vector<ServerName> unresolved_;
  bool started_ = false;
  std::vector<Endpoint> servers_;
  std::vector<std::string> notes_;
  std::unique_ptr<TcpFilterProbe> filter_;
  TcpFiltering filtering_;
  std::unique_ptr<NatSession> session_;
  std::unique_ptr<ProbeDriver> driver_;
  std::unique_ptr<Discovery> tcp_;
  net::Watch begin_;
};

}  // namespace turnpike::client
