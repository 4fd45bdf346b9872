#include "cli/nat_options.h"

#include "base/default_stun_servers.h"

namespace turnpike::cli {
namespace {

namespace po = boost::program_options;

Problem take_servers(const ParsedOptions& given, client::DiscoveryOptions& options) {
  if (!given.has("server")) {
    for (const std::string_view text : kDefaultStunServers) {
      options.servers.push_back(*client::ServerName::parse(text));
    }
    return {};
  }
  for (const std::string& text : given.values["server"].as<std::vector<std::string>>()) {
    const auto server = client::ServerName::parse(text);
    if (!server) {
      return "--server " + text + ": write HOST, HOST:PORT or [IPV6]:PORT";
    }
    options.servers.push_back(*server);
  }
  return {};
}

Problem take_local(const ParsedOptions& given, client::DiscoveryOptions& options) {
  const bool v4 = given.values["ipv4"].as<bool>();
  const bool v6 = given.values["ipv6"].as<bool>();
  if (v4 && v6) return "give --ipv4 or --ipv6, not both";
  if (v4) options.family = IpFamily::v4;
  if (v6) options.family = IpFamily::v6;
  int64_t port = 0;
  if (auto problem = take_number(given, "port", 1, 65535, port)) return problem;
  options.local.port = static_cast<uint16_t>(port);
  if (!given.has("local")) return {};
  const auto ip = Ip::parse(given.text("local"));
  if (!ip || ip->is_unspecified()) return "--local takes an IP address of this host";
  if (options.family && *options.family != ip->family()) return "--local is of the other family";
  options.local.ip = *ip;
  return {};
}

}  // namespace

void add_nat_options(po::options_description& options) {
  auto add = options.add_options();
  add("port,p", po::value<int64_t>(), "the local port; without it, any");
  add("local", po::value<std::string>(), "the local IP address, where there are several");
  add("server,s", po::value<std::vector<std::string>>()->composing(),
      "HOST[:PORT] of a STUN server, more than once; without it, public ones");
  add("tcp", po::bool_switch(), "the TCP port, not the UDP one");
  add("share", po::bool_switch(),
      "join the SO_REUSEPORT group of the program that has the UDP port, which may cost it a "
      "datagram, where there is no better way");
  add("ipv4", po::bool_switch(), "over IPv4");
  add("ipv6", po::bool_switch(), "over IPv6");
}

Problem take_nat_options(const ParsedOptions& given, client::DiscoveryOptions& options) {
  if (auto problem = take_servers(given, options)) return problem;
  if (auto problem = take_local(given, options)) return problem;
  if (given.values["tcp"].as<bool>()) options.transport = client::ProbeTransport::tcp;
  if (given.values["share"].as<bool>()) options.sharing = client::Sharing::risky;
  return {};
}

}  // namespace turnpike::cli
