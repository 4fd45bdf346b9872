#include "embed/convert.h"

#include <cerrno>

#include "base/default_stun_servers.h"

namespace turnpike::embed {
namespace {

using client::DiscoveryVerdict;
using discovery::Status;

std::optional<IpFamily> to_family(discovery::Family family) {
  switch (family) {
    case discovery::Family::ipv4:
      return IpFamily::v4;
    case discovery::Family::ipv6:
      return IpFamily::v6;
    case discovery::Family::automatic:
      break;
  }
  return {};
}

client::Sharing to_sharing(discovery::Sharing sharing) {
  switch (sharing) {
    case discovery::Sharing::harmless:
      return client::Sharing::harmless;
    case discovery::Sharing::risky:
      return client::Sharing::risky;
    case discovery::Sharing::refuse:
      break;
  }
  return client::Sharing::refuse;
}

discovery::Address to_address(const Endpoint& endpoint) {
  return {endpoint.ip.to_string(), endpoint.port};
}

discovery::Behavior to_behavior(client::NatBehavior behavior) {
  switch (behavior) {
    case client::NatBehavior::unknown:
      break;
    case client::NatBehavior::endpoint_independent:
      return discovery::Behavior::endpoint_independent;
    case client::NatBehavior::address_dependent:
      return discovery::Behavior::address_dependent;
    case client::NatBehavior::address_and_port_dependent:
      return discovery::Behavior::address_and_port_dependent;
    case client::NatBehavior::endpoint_dependent:
      return discovery::Behavior::endpoint_dependent;
  }
  return discovery::Behavior::unknown;
}

bool lacks_resources(const net::SysError& problem) {
  return problem.code == EMFILE || problem.code == ENFILE || problem.code == ENOMEM ||
         problem.code == ENOBUFS;
}

Status status_of(const net::SysError& problem) {
  if (lacks_resources(problem)) return Status::out_of_resources;
  return problem.code == EADDRINUSE ? Status::port_in_use : Status::not_allowed;
}

struct Verdict {
  Status status;
  std::string message;
};

Verdict to_verdict(const client::DiscoveryReport& report) {
  const std::string problem = report.problem ? report.problem->to_string() : std::string();
  switch (report.verdict) {
    case DiscoveryVerdict::found:
      return {Status::found, {}};
    case DiscoveryVerdict::endpoint_dependent:
      return {Status::endpoint_dependent, "each server sees another address of this port"};
    case DiscoveryVerdict::unconfirmed:
      return {Status::unconfirmed, "only one server answered"};
    case DiscoveryVerdict::udp_blocked:
      return {Status::udp_blocked, "servers answer over TCP and not over UDP"};
    case DiscoveryVerdict::servers_unreachable:
      return {Status::servers_unreachable, "no server answered"};
    case DiscoveryVerdict::no_server_address:
      return {Status::servers_unreachable, "no server has an address of the family"};
    case DiscoveryVerdict::port_in_use:
    case DiscoveryVerdict::not_allowed:
      return {report.problem ? status_of(*report.problem) : Status::not_allowed, problem};
  }
  return {Status::out_of_resources, {}};
}

Status status_of(const client::NatReport& report) {
  if (report.problem) return status_of(*report.problem);
  if (report.no_server_address) return Status::servers_unreachable;
  if (report.result.presence != client::NatPresence::blocked) return Status::found;
  return report.tcp_answers ? Status::udp_blocked : Status::servers_unreachable;
}

}  // namespace

Result<client::DiscoveryOptions, std::string> to_options(const discovery::Options& options) {
  client::DiscoveryOptions out;
  if (options.servers.empty()) {
    for (const std::string_view text : kDefaultStunServers) {
      out.servers.push_back(*client::ServerName::parse(text));
    }
  }
  for (const std::string& text : options.servers) {
    const auto server = client::ServerName::parse(text);
    if (!server) return unexpected("not a server: " + text);
    out.servers.push_back(*server);
  }
  out.family = to_family(options.family);
  out.local.port = options.port;
  if (!options.local_ip.empty()) {
    const auto ip = Ip::parse(options.local_ip);
    if (!ip) return unexpected("not an IP address: " + options.local_ip);
    if (out.family && *out.family != ip->family()) {
      return unexpected(std::string("the local address is of the other family"));
    }
    out.local.ip = *ip;
  }
  if (options.patience <= std::chrono::milliseconds::zero()) {
    return unexpected(std::string("patience must be more than nothing"));
  }
  out.patience = options.patience;
  out.sharing = to_sharing(options.sharing);
  if (options.transport == discovery::Transport::tcp) out.transport = client::ProbeTransport::tcp;
  return out;
}

Result<client::NatProbeOptions, std::string> to_options(const discovery::NatOptions& options) {
  const auto where = to_options(options.where);
  if (!where) return unexpected(where.error());
  client::NatProbeOptions out;
  out.where = *where;
  out.test_hairpin = options.test_hairpin;
  out.test_fragments = options.test_fragments;
  if (options.longest_lifetime > std::chrono::seconds::zero()) {
    out.longest_lifetime = options.longest_lifetime;
  }
  out.credentials.username = options.user;
  out.credentials.password = options.password;
  return out;
}

discovery::PublicAddress from_report(const client::DiscoveryReport& report) {
  const Verdict verdict = to_verdict(report);
  discovery::PublicAddress out;
  out.status = verdict.status;
  out.message = verdict.message;
  out.translated = report.result.translated;
  if (out.status == Status::found || out.status == Status::unconfirmed) {
    out.address = to_address(report.result.mapped);
    out.local = to_address(report.result.local);
  }
  return out;
}

discovery::Nat from_report(const client::NatReport& report) {
  const client::NatResult& result = report.result;
  const client::NatClass nat = result.nat_class();
  discovery::Nat out;
  out.status = status_of(report);
  // A class is what a test has shown: servers that are not there show nothing.
  const bool tested = out.status == Status::found || out.status == Status::udp_blocked;
  out.name = client::name(tested ? nat : client::NatClass::unknown);
  out.level = client::nat_level(nat);
  out.translated = result.presence == client::NatPresence::translated;
  out.mapping = to_behavior(result.mapping);
  out.filtering = to_behavior(result.filtering);
  out.filtering_proven = result.filtering_proven;
  out.hairpin = result.hairpin;
  out.port_preserved = result.port_preserved;
  out.fragments_out = result.fragments_out;
  out.fragments_in = result.fragments_in;
  out.rewritten = result.rewritten;
  if (result.lifetime) {
    out.alive_after = result.lifetime->alive_after;
    out.gone_after = result.lifetime->gone_after;
    out.lifetime_compared = result.lifetime->compared;
  }
  out.loss = result.loss;
  if (result.mapped) {
    out.address = to_address(*result.mapped);
    out.local = to_address(result.local);
  }
  out.notes = result.notes;
  out.message = report.problem ? report.problem->to_string() : std::string(client::advice(nat));
  if (!report.problem && out.status == Status::servers_unreachable) {
    out.message =
        report.no_server_address ? "no server has an address of the family" : "no server answered";
  }
  return out;
}

}  // namespace turnpike::embed
