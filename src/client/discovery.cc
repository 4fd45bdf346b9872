#include "client/discovery.h"

#include <algorithm>
#include <cerrno>

#include "client/http_text.h"
#include "client/turn_uri.h"
#include "net/clock.h"
#include "net/plain_udp.h"
#include "net/shared_listener.h"
#include "net/tcp_probe.h"

namespace turnpike::client {
namespace {

// Names with hundreds of addresses get as many as can help.
constexpr size_t kAddressesOfOneName = 4;
// How long the TCP connections may take that tell "UDP is blocked" from "no way out".
constexpr Duration kTcpPatience = seconds(4);

DiscoverSettings settings_for(ProbeTransport transport, Duration patience) {
  DiscoverSettings settings;
  settings.patience = patience;
  if (transport == ProbeTransport::tcp) settings.delivery = stun::Delivery::reliable;
  return settings;
}

// Where packets leave from that go there.
Ip source_address(const Endpoint& local, const Endpoint& towards) {
  const bool any = local.ip.is_unspecified() || local.ip == any_address(IpFamily::v4);
  return any ? net::source_address_to(towards).value_or(local.ip) : local.ip;
}

// Only a socket that listens is in the way of a connection from its port, and it takes all that
// comes in: to share the port costs it nothing.
Result<std::unique_ptr<ProbePort>, net::SysError> open_tcp_probe_port(
    net::EventLoop& loop, Sharing sharing, const Endpoint& local, const Endpoint& towards,
    ProbePortEvents events, bool& shared) {
  if (local.port == 0) return open_tcp_port(loop, local, std::move(events));
  const int error = net::tcp_port_error(local);
  if (error == 0) return open_tcp_port(loop, local, std::move(events));
  const net::SysError problem{error, "bind " + local.to_string() + " (TCP)"};
  if (error != EADDRINUSE || sharing == Sharing::refuse) return unexpected(problem);
  // At one address fewer listeners are in the way.
  const Endpoint from{source_address(local, towards), local.port};
  auto listener = net::SharedListener::open(from);
  if (!listener) return unexpected(problem);
  shared = true;
  return open_tcp_port(loop, from, std::move(events), std::move(*listener));
}

}  // namespace

std::optional<ServerName> ServerName::parse(std::string_view text) {
  if (text.starts_with("stun:")) {
    const auto uri = ServerUri::parse(text);
    if (!uri) return {};
    return ServerName{uri->host, uri->port};
  }
  // A bare address, with or without a port; then a name.
  if (const auto endpoint = Endpoint::parse(text, 3478); endpoint && endpoint->port != 0) {
    return ServerName{endpoint->ip.to_string(), endpoint->port};
  }
  const auto uri = ServerUri::parse("stun:" + std::string(text));
  if (!uri) return {};
  return ServerName{uri->host, uri->port};
}

std::string ServerName::to_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Ip> public_ip_seen(const DiscoverResult& result) {
  std::vector<std::pair<Ip, int>> votes;
  for (const ServerReport& server : result.servers) {
    const auto ip = server.mapped ? public_v4(server.mapped->ip.to_string()) : std::nullopt;
    if (!ip) continue;
    const auto same = std::find_if(votes.begin(), votes.end(),
                                   [&ip](const auto& vote) { return vote.first == *ip; });
    if (same == votes.end()) {
      votes.emplace_back(*ip, 1);
    } else {
      ++same->second;
    }
  }
  std::sort(votes.begin(), votes.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  if (votes.empty() || (votes.size() > 1 && votes[0].second == votes[1].second)) return {};
  return votes[0].first;
}

IpFamily choose_family(std::optional<IpFamily> wanted, const Ip& local) {
  if (wanted) return *wanted;
  if (local != Ip()) return local.family();
  // Any global address does: only the routing table is asked.
  const Endpoint somewhere{Ip::v4(0x08080808), 3478};
  const auto elsewhere = Ip::parse("2001:4860:4860::8888");
  const bool v4 = net::source_address_to(somewhere).has_value();
  const bool v6 = elsewhere && net::source_address_to({*elsewhere, 3478}).has_value();
  return !v4 && v6 ? IpFamily::v6 : IpFamily::v4;
}

Result<std::unique_ptr<ProbePort>, net::SysError> open_probe_port(
    net::EventLoop& loop, ProbeTransport transport, Sharing sharing, const Endpoint& local,
    const Endpoint& towards, ProbePortEvents events, bool& shared) {
  shared = false;
  if (transport == ProbeTransport::tcp) {
    return open_tcp_probe_port(loop, sharing, local, towards, std::move(events), shared);
  }
  auto port = open_udp_port(loop, local, events);
  if (port || port.error().code != EADDRINUSE || sharing == Sharing::refuse) return port;
  auto beside = open_raw_port(loop, {source_address(local, towards), local.port}, events);
  if (!beside && sharing == Sharing::risky) {
    beside = open_shared_udp_port(loop, local, towards, std::move(events));
  }
  if (!beside) return port;
  shared = true;
  return beside;
}

Discovery::Discovery(net::EventLoop& loop, RandomSource& random, DiscoveryOptions options,
                     std::function<void(const DiscoveryReport&)> on_report)
    : loop_(loop),
      random_(random),
      options_(std::move(options)),
      on_report_(std::move(on_report)),
      resolver_(loop) {
  report_.family = choose_family(options_.family, options_.local.ip);
  report_.port = options_.local.port;
  if (options_.local.ip == Ip()) options_.local.ip = any_address(report_.family);
  start(Stage::asking);
  resolve();
}

Discovery::~Discovery() = default;

void Discovery::start(Stage stage) {
  stage_ = stage;
  const bool tcp = stage == Stage::trying_tcp || options_.transport == ProbeTransport::tcp;
  const ProbeTransport transport = tcp ? ProbeTransport::tcp : ProbeTransport::udp;
  const Duration patience = stage == Stage::trying_tcp ? kTcpPatience : options_.patience;
  first_port_ = nullptr;
  driver_.reset();
  DiscoverSettings settings = settings_for(transport, patience);
  // That anybody answers at all is what the second stage asks.
  if (stage == Stage::trying_tcp) settings.enough = 1;
  if (stage == Stage::asking) settings.second_opinion = options_.second_opinion;
  session_ = std::make_unique<DiscoverSession>(settings, random_);
  driver_ = std::make_unique<ProbeDriver>(
      loop_, *session_,
      [this](Slot slot, const Endpoint& towards, ProbePortEvents events) {
        return open_port(slot, towards, std::move(events));
      },
      [this] { on_done(); });
  driver_->start();
}

Result<std::unique_ptr<ProbePort>, net::SysError> Discovery::open_port(Slot, const Endpoint& to,
                                                                       ProbePortEvents events) {
  if (stage_ == Stage::trying_tcp) {
    return open_tcp_port(loop_, {any_address(report_.family), 0}, std::move(events));
  }
  auto port = open_probe_port(loop_, options_.transport, options_.sharing, options_.local, to,
                              std::move(events), report_.shared);
  if (port) first_port_ = port->get();
  return port;
}

void Discovery::resolve() {
  unresolved_ = options_.servers.size();
  if (unresolved_ == 0) return on_all_resolved();
  for (const ServerName& server : options_.servers) {
    resolver_.resolve(server.host, report_.family,
                      [this, server](const net::Resolver::Addresses& addresses) {
                        on_resolved(server, addresses);
                      });
  }
}

void Discovery::on_resolved(const ServerName& server, const net::Resolver::Addresses& addresses) {
  size_t used = 0;
  if (!addresses) {
    report_.notes.push_back(server.to_string() + ": " + addresses.error());
  } else {
    for (const Ip& ip : *addresses) {
      if (ip.family() != report_.family || used == kAddressesOfOneName) continue;
      ++used;
      const Endpoint endpoint{ip, server.port};
      addresses_.push_back(endpoint);
      driver_->call(
          [&](Instant now, ProbeOutput& out) { session_->add_server(now, endpoint, out); });
    }
    if (used == 0) {
      report_.notes.push_back(server.to_string() + ": the name has no address of the family");
    }
  }
  if (--unresolved_ == 0) on_all_resolved();
}

void Discovery::on_all_resolved() {
  driver_->call([this](Instant now, ProbeOutput& out) { session_->no_more_servers(now, out); });
}

void Discovery::on_done() {
  if (stage_ == Stage::trying_tcp) return on_tcp_known();
  report_.result = session_->result();
  if (first_port_ != nullptr)
    report_.taken_from_application = first_port_->taken_from_application();
  if (driver_->problem()) {
    report_.problem = driver_->problem();
    return report(report_.problem->code == EADDRINUSE ? DiscoveryVerdict::port_in_use
                                                      : DiscoveryVerdict::not_allowed);
  }
  switch (report_.result.outcome) {
    case DiscoverOutcome::found:
      return report(DiscoveryVerdict::found);
    case DiscoverOutcome::endpoint_dependent:
      return report(DiscoveryVerdict::endpoint_dependent);
    case DiscoverOutcome::unconfirmed:
      return report(DiscoveryVerdict::unconfirmed);
    case DiscoverOutcome::no_answer:
      break;
  }
  if (addresses_.empty()) return report(DiscoveryVerdict::no_server_address);
  if (options_.transport == ProbeTransport::tcp) {
    return report(DiscoveryVerdict::servers_unreachable);
  }
  // Silence over UDP has two meanings; a server that answers over TCP tells them apart.
  start(Stage::trying_tcp);
  driver_->call([this](Instant now, ProbeOutput& out) {
    for (const Endpoint& server : addresses_) session_->add_server(now, server, out);
    session_->no_more_servers(now, out);
  });
}

void Discovery::on_tcp_known() {
  const auto& servers = session_->result().servers;
  const bool answered = std::any_of(servers.begin(), servers.end(), [](const ServerReport& server) {
    return server.state == ServerReport::State::answered ||
           server.state == ServerReport::State::rejected;
  });
  report(answered ? DiscoveryVerdict::udp_blocked : DiscoveryVerdict::servers_unreachable);
}

void Discovery::report(DiscoveryVerdict verdict) {
  report_.verdict = verdict;
  const auto on_report = std::move(on_report_);
  const DiscoveryReport told = std::move(report_);
  on_report(told);
}

}  // namespace turnpike::client
