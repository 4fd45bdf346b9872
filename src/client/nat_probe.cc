#include "client/nat_probe.h"

#include <algorithm>

namespace turnpike::client {
namespace {

constexpr size_t kAddressesOfOneServer = 2;
constexpr Duration kTcpProbePatience = seconds(2);
// How long names may take once there is a server to ask.
constexpr Duration kOtherNames = seconds(1);

}  // namespace

NatProbe::NatProbe(net::EventLoop& loop, RandomSource& random, NatProbeOptions options,
                   std::function<void(const NatReport&)> on_report)
    : loop_(loop),
      random_(random),
      options_(std::move(options)),
      on_report_(std::move(on_report)),
      resolver_(loop) {
  DiscoveryOptions& where = options_.where;
  report_.family = choose_family(where.family, where.local.ip);
  if (where.local.ip == Ip()) where.local.ip = any_address(report_.family);
  unresolved_ = where.servers;
  for (const ServerName& server : where.servers) {
    resolver_.resolve(server.host, report_.family,
                      [this, server](const net::Resolver::Addresses& addresses) {
                        on_resolved(server, addresses);
                      });
  }
  if (unresolved_.empty()) begin_ = loop_.after(Duration::zero(), [this] { start(); });
}

NatProbe::~NatProbe() = default;

void NatProbe::on_resolved(const ServerName& server, const net::Resolver::Addresses& addresses) {
  if (started_) return;
  size_t used = 0;
  if (!addresses) {
    notes_.push_back(server.to_string() + ": " + addresses.error());
  } else {
    for (const Ip& ip : *addresses) {
      if (ip.family() != report_.family || used == kAddressesOfOneServer) continue;
      ++used;
      servers_.push_back({ip, server.port});
    }
    if (used == 0) notes_.push_back(server.to_string() + ": no address of the family");
  }
  const auto same = [&server](const ServerName& open) {
    return open.host == server.host && open.port == server.port;
  };
  unresolved_.erase(std::find_if(unresolved_.begin(), unresolved_.end(), same));
  if (unresolved_.empty()) return start();
  if (!servers_.empty() && !begin_) begin_ = loop_.after(kOtherNames, [this] { start(); });
}

void NatProbe::start() {
  started_ = true;
  begin_.reset();
  for (const ServerName& server : unresolved_) {
    notes_.push_back(server.to_string() + ": the name servers take too long");
  }
  report_.no_server_address = servers_.empty();
  const DiscoveryOptions& where = options_.where;
  if (where.transport != ProbeTransport::tcp || options_.credentials.username.empty()) {
    return start_session();
  }
  // First, as over UDP: the mapping tests speak to more addresses.
  filter_ = std::make_unique<TcpFilterProbe>(loop_, random_, options_.credentials, where.local,
                                             servers_, [this](const TcpFiltering& told) {
                                               filtering_ = told;
                                               start_session();
                                             });
}

void NatProbe::start_session() {
  NatSettings settings;
  settings.named_port = options_.where.local.port != 0;
  settings.test_hairpin = options_.test_hairpin;
  settings.test_fragments = options_.test_fragments;
  settings.longest_lifetime = options_.longest_lifetime;
  if (options_.where.transport == ProbeTransport::tcp) {
    settings.delivery = stun::Delivery::reliable;
    settings.filtering_elsewhere = filter_ != nullptr;
  }
  session_ = std::make_unique<NatSession>(settings, servers_, random_);
  driver_ = std::make_unique<ProbeDriver>(
      loop_, *session_,
      [this](Slot slot, const Endpoint& towards, ProbePortEvents events) {
        return open_port(slot, towards, std::move(events));
      },
      [this] { on_done(); });
  driver_->start();
}

Result<std::unique_ptr<ProbePort>, net::SysError> NatProbe::open_port(Slot slot,
                                                                      const Endpoint& towards,
                                                                      ProbePortEvents events) {
  const DiscoveryOptions& where = options_.where;
  if (slot == 0) {
    return open_probe_port(loop_, where.transport, where.sharing, where.local, towards,
                           std::move(events), report_.shared);
  }
  const Endpoint any{where.local.ip, 0};
  return where.transport == ProbeTransport::tcp ? open_tcp_port(loop_, any, std::move(events))
                                                : open_udp_port(loop_, any, std::move(events));
}

void NatProbe::on_done() {
  report_.result = session_->result();
  report_.problem = driver_->problem();
  if (filter_) {
    report_.result.filtering = filtering_.filtering;
    report_.result.filtering_proven = filtering_.filtering != NatBehavior::unknown;
    if (!filtering_.note.empty()) notes_.push_back(filtering_.note);
  }
  const bool blocked = report_.result.presence == NatPresence::blocked;
  if (blocked && !servers_.empty() && options_.where.transport == ProbeTransport::udp) {
    return check_tcp();
  }
  report();
}

// Silence has two meanings; a server that answers over TCP tells them apart.
void NatProbe::check_tcp() {
  DiscoveryOptions options;
  for (const Endpoint& server : servers_) {
    options.servers.push_back({server.ip.to_string(), server.port});
  }
  options.transport = ProbeTransport::tcp;
  options.family = report_.family;
  options.patience = kTcpProbePatience;
  tcp_ = std::make_unique<Discovery>(
      loop_, random_, std::move(options), [this](const DiscoveryReport& told) {
        report_.tcp_answers = told.verdict == DiscoveryVerdict::found ||
                              told.verdict == DiscoveryVerdict::unconfirmed ||
                              told.verdict == DiscoveryVerdict::endpoint_dependent;
        report();
      });
}

void NatProbe::report() {
  for (std::string& note : notes_) report_.result.notes.push_back(std::move(note));
  const auto on_report = std::move(on_report_);
  const NatReport told = std::move(report_);
  on_report(told);
}

}  // namespace turnpike::client
