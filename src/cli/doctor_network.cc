// Addresses, names, and the server itself.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cli/admin_client.h"
#include "cli/doctor.h"
#include "client/binding_question.h"
#include "client/discovery.h"
#include "client/session_driver.h"
#include "net/clock.h"
#include "net/interfaces.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/tcp.h"
#include "server/listeners.h"

namespace turnpike::cli {
namespace {

bool is_public(const Ip& ip) {
  // The registries of special-purpose addresses (RFC 6890), those for documents and tests with
  // them.
  constexpr auto kSpecial = std::to_array<const char*>(
      {"0.0.0.0/8",      "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
       "172.16.0.0/12",  "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
       "198.18.0.0/15",  "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",    "::/127",
       "64:ff9b:1::/48", "100::/64",        "2001:db8::/32",  "3fff::/20",      "fc00::/7",
       "fe80::/10",      "fec0::/10",       "ff00::/8"});
  return std::none_of(kSpecial.begin(), kSpecial.end(),
                      [&ip](const char* range) { return IpRange::parse(range)->contains(ip); });
}

// Every address that a relayed address, or a name, could rightly stand for.
std::vector<Ip> known_addresses(const config::Config& config) {
  std::vector<Ip> all = config.relay_ips;
  for (const config::ExternalIp& external : config.external_ips) all.push_back(external.external);
  if (const auto local = net::local_addresses()) {
    for (const net::LocalAddress& address : *local) all.push_back(address.ip);
  }
  return all;
}

bool holds(const std::vector<Ip>& all, const Ip& ip) {
  return std::find(all.begin(), all.end(), ip) != all.end();
}

void examine_domain(const std::string& domain, const std::vector<Ip>& known, Diagnosis& findings) {
  const auto addresses = net::resolve(domain);
  if (!addresses) {
    findings.push_back({Severity::problem, domain + ": " + addresses.error(),
                        "Enter it in the DNS, with an A record and, if there is IPv6, an AAAA."});
    return;
  }
  for (const Ip& ip : *addresses) {
    if (holds(known, ip)) {
      findings.push_back({Severity::fine, domain + " is " + ip.to_string() + ", which is ours"});
    } else {
      findings.push_back(
          {Severity::warning,
           domain + " is " + ip.to_string() +
               ", which is no address of this host and no external-ip",
           "Correct the DNS; behind 1:1 NAT set external-ip=" + ip.to_string() + "/PRIVATE."});
    }
  }
}

std::optional<Ip> seen_from(const Endpoint& server) {
  client::SessionDriver driver;
  client::BindingQuestion question;
  RandomSource random;
  std::optional<Ip> mapped;
  bool over = false;
  const auto link = driver.connect(question, server, [&](const client::Event& event) {
    over = true;
    if (const auto* answered = std::get_if<client::BindingAnswered>(&event)) {
      mapped = answered->mapped.ip;
    }
  });
  if (!link) return {};
  driver.call(*link, [&](Instant now, client::Output& out) { question.ask(now, random, out); });
  driver.run_until([&] { return over || driver.refused(*link); },
                   net::monotonic_now() + seconds(3));
  driver.close(*link);
  return mapped;
}

// external-ip=auto asks over IPv4 alone.
std::optional<Ip> address_to_ask(const std::vector<Ip>& addresses, bool only_v4) {
  const auto found = std::find_if(addresses.begin(), addresses.end(),
                                  [only_v4](const Ip& ip) { return ip.is_v4() || !only_v4; });
  if (found == addresses.end()) return {};
  return *found;
}

// As that STUN server sees us; nothing when it does not answer.
std::optional<Ip> ask_outside(const std::string& name, bool only_v4, Diagnosis& findings) {
  const auto server = client::ServerName::parse(name);
  if (!server) {
    findings.push_back({Severity::warning, name + " is no STUN server's name",
                        "Write HOST, HOST:PORT or [IPV6]:PORT."});
    return {};
  }
  const auto addresses = net::resolve(server->host);
  if (!addresses) {
    findings.push_back({Severity::warning, name + ": " + addresses.error(), ""});
    return {};
  }
  const auto ip = address_to_ask(*addresses, only_v4);
  if (!ip) {
    findings.push_back({Severity::warning, name + " has no IPv4 address", ""});
    return {};
  }
  const auto seen = seen_from({*ip, server->port});
  if (!seen) {
    findings.push_back({Severity::warning, "the STUN server " + name + " does not answer",
                        "Try another; or a firewall lets no UDP out."});
  }
  return seen;
}

// The server given by hand, else those that the configuration names for this. Others are not asked
// unasked.
std::vector<std::string> servers_outside(const Examination& given) {
  const config::Config& config = given.loaded.config;
  if (given.stun_server) return {*given.stun_server};
  const bool chosen = given.loaded.applied.contains("external-ip-stun");
  return config.external_ip_auto || chosen ? config.external_ip_stun : std::vector<std::string>();
}

std::optional<Ip> examine_outside_view(const Examination& given, Diagnosis& findings) {
  const config::Config& config = given.loaded.config;
  constexpr size_t kMostAsked = 3;
  std::optional<Ip> seen;
  size_t asked = 0;
  for (const std::string& name : servers_outside(given)) {
    if (seen || asked++ == kMostAsked) break;
    seen = ask_outside(name, config.external_ip_auto, findings);
  }
  if (!seen) return {};
  if (config.external_ip_auto) {
    findings.push_back({Severity::fine, "from outside we are " + seen->to_string() +
                                            ", which external-ip=auto finds out"});
  } else if (holds(known_addresses(config), *seen)) {
    findings.push_back(
        {Severity::fine, "from outside we are " + seen->to_string() + ", as we say"});
  } else {
    findings.push_back(
        {Severity::problem,
         "from outside we are " + seen->to_string() + ", but clients would be told another address",
         "Set external-ip=" + seen->to_string() + " (or .../PRIVATE)."});
  }
  return seen;
}

// Where a client on this host reaches a listener.
Endpoint reachable(const Endpoint& listener, const net::HostAddresses& host) {
  if (!listener.ip.is_unspecified()) return listener;
  const auto& chosen = listener.ip.is_v4() ? host.default_v4 : host.default_v6;
  if (chosen) return {*chosen, listener.port};
  return {listener.ip.is_v4() ? *Ip::parse("127.0.0.1") : *Ip::parse("::1"), listener.port};
}

void note_outcome(const std::string& where, const Result<Endpoint, std::string>& relayed,
                  Diagnosis& findings) {
  if (relayed) {
    findings.push_back({Severity::fine, where + ": an Allocate got " + relayed->to_string()});
    return;
  }
  findings.push_back({Severity::problem, where + ": " + relayed.error(),
                      "Look into the server's log, and into the firewall for this port."});
}

void allocate_at(const Endpoint& listener, const Endpoint& server, const Examination& given,
                 Diagnosis& findings) {
  const config::Config& config = given.loaded.config;
  const bool knows_clients = config.ca_file_path.empty() || !given.client_certificate.empty();
  const auto attempt = [&](Transport transport) {
    const std::string where = listener.to_string() + " " + std::string(to_string(transport));
    const bool secure = transport == Transport::tls || transport == Transport::dtls;
    if (secure && !knows_clients) {
      findings.push_back({Severity::note,
                          where + ": CA-file asks clients for certificates, and none is known here",
                          "Say one: --client-cert FILE --client-key FILE."});
      return;
    }
    note_outcome(where, allocate_over(transport, server, given), findings);
  };
  const bool tls = !config.no_tls;
  if (!config.no_udp) attempt(Transport::udp);
  if (!config.no_tcp) attempt(Transport::tcp);
  if (!config.no_tcp && tls) attempt(Transport::tls);
  if (!config.no_udp && !config.no_dtls && !config.no_tlsv1_2) attempt(Transport::dtls);
}

void look_for_free_ports(const std::vector<Endpoint>& listeners, const config::Config& config,
                         Diagnosis& findings) {
  for (const Endpoint& listener : listeners) {
    const std::string advice =
        "Another program has it (`ss -lntup`), or the right to ports below 1024 is missing "
        "(CAP_NET_BIND_SERVICE).";
    const auto udp = net::open_udp_socket({}, listener);
    if (!config.no_udp && !udp) {
      findings.push_back({Severity::problem, "UDP: " + udp.error().to_string(), advice});
    }
    const auto tcp = net::listen_tcp(listener, net::ReusePort::no);
    if (!config.no_tcp && !tcp) {
      findings.push_back({Severity::problem, "TCP: " + tcp.error().to_string(), advice});
    }
  }
}

}  // namespace

void examine_addresses(const Examination& given, Diagnosis& findings) {
  const config::Config& config = given.loaded.config;
  const auto host = net::HostAddresses::read();
  if (!host) {
    findings.push_back({Severity::warning, host.error().to_string(), ""});
    return;
  }
  const bool has_public = std::any_of(host->addresses.begin(), host->addresses.end(),
                                      [](const net::LocalAddress& a) { return is_public(a.ip); });
  if (has_public) {
    findings.push_back({Severity::fine, "this host has a public address"});
  } else if (config.external_ip_auto) {
    findings.push_back({Severity::fine, "external-ip=auto finds the public address"});
  } else if (config.external_ips.empty()) {
    findings.push_back({Severity::warning,
                        "this host has no public address, and no external-ip is set",
                        "Peers elsewhere cannot reach relayed addresses: set external-ip to the "
                        "public one (behind 1:1 NAT). `turnpike doctor --stun HOST` finds it."});
  } else {
    findings.push_back({Severity::fine, "external-ip tells the public address"});
  }
  for (const Ip& ip : config.relay_ips) {
    if (host->find(ip) != nullptr) continue;
    findings.push_back({Severity::problem, "relay-ip " + ip.to_string() + " is not of this host",
                        "Allocations there get 508: correct it, or bring the address up."});
  }
  const auto seen = examine_outside_view(given, findings);
  std::vector<Ip> known = known_addresses(config);
  if (seen && config.external_ip_auto) known.push_back(*seen);
  for (const std::string& domain : given.domains) examine_domain(domain, known, findings);
}

void examine_listeners(const Examination& given, Diagnosis& findings) {
  const auto listeners = server::listening_endpoints(given.loaded.config);
  const auto status = AdminClient(given.socket).get("GET", "/v1/status", nullptr);
  if (!status) {
    findings.push_back(
        {Severity::note, status.error(), "Without a running server only the ports are looked at."});
    return look_for_free_ports(listeners, given.loaded.config, findings);
  }
  findings.push_back({Severity::fine, "the server runs and answers"});
  if (status->value("draining", false)) {
    findings.push_back({Severity::warning, "the server is draining: it takes no new sessions", ""});
  }
  if (given.credentials.username.empty() && !given.loaded.config.no_auth) {
    findings.push_back({Severity::note, "no user's password is known, so no Allocate was tried",
                        "Say one: --user NAME --password PASSWORD."});
    return;
  }
  const auto host = net::HostAddresses::read();
  if (!host) return;
  for (const Endpoint& listener : listeners) {
    // A wildcard of a family that this host has not got is no listener.
    const bool absent = listener.ip.is_unspecified() && !listener.ip.is_v4() && !host->default_v6 &&
                        host->find(*Ip::parse("::1")) == nullptr;
    if (!absent) allocate_at(listener, reachable(listener, *host), given, findings);
  }
}

}  // namespace turnpike::cli
