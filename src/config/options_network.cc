// Listeners and relayed addresses.
#include "base/uri_host.h"
#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

constexpr std::string_view kExternalIpStun =
    "stun.cloudflare.com:3478,stun.l.google.com:19302,stun.nextcloud.com:3478";
constexpr std::string_view kExternalIpHttp = "http://checkip.amazonaws.com/,http://api.ipify.org/";

Complaint add_external_ip(Config& config, std::string_view value) {
  if (value == "auto") {
    config.external_ip_auto = true;
    return {};
  }
  if (value == "none") return {};
  constexpr const char* kForm =
      "must be auto, none, ADDRESS, or PUBLIC/PRIVATE, of IP addresses (not names)";
  const size_t slash = value.find('/');
  const auto external = Ip::parse(value.substr(0, slash));
  if (!external) return kForm;
  ExternalIp entry{*external, std::nullopt};
  if (slash != std::string_view::npos) {
    entry.local = Ip::parse(value.substr(slash + 1));
    if (!entry.local) return kForm;
  }
  config.external_ips.push_back(entry);
  return {};
}

// Lists that may be empty, which an empty value could not say.
std::vector<std::string> split_list(std::string_view value) {
  std::vector<std::string> list;
  if (value == "none") return list;
  while (true) {
    const size_t comma = value.find(',');
    list.emplace_back(value.substr(0, comma));
    if (comma == std::string_view::npos) return list;
    value.remove_prefix(comma + 1);
  }
}

template <auto Member>
Complaint set_list(Config& config, std::string_view value) {
  const std::vector<std::string> list = split_list(value);
  for (const std::string& entry : list) {
    if (entry.empty() || entry.find_first_of(" \t/") != std::string::npos) {
      return "must be none, or HOST[:PORT] with commas between";
    }
  }
  config.*Member = list;
  return {};
}

template <auto Member>
Complaint set_urls(Config& config, std::string_view value) {
  const std::vector<std::string> list = split_list(value);
  for (const std::string& entry : list) {
    if (!entry.starts_with("http://") || entry.size() < 8 ||
        entry.find_first_of(" \t\r\n") != std::string::npos) {
      return "must be none, or URLs that begin with http://, with commas between";
    }
  }
  config.*Member = list;
  return {};
}

Complaint set_public_host(Config& config, std::string_view value) {
  const auto host = UriHost::parse(value);
  if (!host) return "must be a host name or an IP address";
  config.public_host = host->text;
  return {};
}

Complaint set_default_family(Config& config, std::string_view value) {
  if (value == "ipv4") {
    config.allocation_default_address_family = DefaultFamily::v4;
  } else if (value == "ipv6") {
    config.allocation_default_address_family = DefaultFamily::v6;
  } else if (value == "keep") {
    config.allocation_default_address_family = DefaultFamily::keep;
  } else {
    return "must be ipv4, ipv6 or keep";
  }
  return {};
}

// More than this is a slip of the keyboard: every worker has buffers and sockets of its own.
constexpr uint32_t kMaxWakeUpPause = 1000;
constexpr uint32_t kMaxBusyPoll = 1000;
constexpr uint64_t kMaxThreads = 1024;
constexpr uint64_t kMaxSocketBuffer = 1U << 30;

Complaint add_proxy_port(Config& config, std::string_view value) {
  const auto port = parse_number(value);
  if (!port || *port < 1 || *port > 65535) return must_be_a_number(1, 65535);
  config.tcp_proxy_ports.push_back(static_cast<uint16_t>(*port));
  return {};
}

Complaint add_proxy_source(Config& config, std::string_view value) {
  const auto range = IpRange::parse(value);
  if (!range) return "must be an IP address, a network such as 192.0.2.0/24, or FIRST-LAST";
  config.proxy_sources.push_back(*range);
  return {};
}

constexpr Option kListeners[] = {
    {.name = "listening-ip",
     .letter = 'L',
     .repeat = Repeat::latest_source,
     .placeholder = "ADDRESS",
     .help = "Address to serve on; may be repeated. Default: every address of the host.",
     .apply = add_ip<&Config::listening_ips>},
    {.name = "listening-port",
     .letter = 'p',
     .placeholder = "PORT",
     .default_text = "3478",
     .help = "Port for STUN and TURN.",
     .apply = set_port<&Config::listening_port>},
    {.name = "tls-listening-port",
     .placeholder = "PORT",
     .default_text = "5349",
     .help = "Second port, which serves the same as listening-port; 0 leaves it closed.",
     .apply = set_number<&Config::tls_listening_port, 0, 65535>},
    {.name = "alt-listening-port",
     .placeholder = "PORT",
     .default_text = "0",
     .help = "Second port of rfc5780, beside listening-port; 0 is listening-port + 1. Opened only "
             "where there are two addresses to serve it on.",
     .apply = set_number<&Config::alt_listening_port, 0, 65535>},
    {.name = "alt-tls-listening-port",
     .placeholder = "PORT",
     .default_text = "0",
     .help = "The same beside tls-listening-port; 0 is tls-listening-port + 1.",
     .apply = set_number<&Config::alt_tls_listening_port, 0, 65535>},
    {.name = "tcp-proxy-port",
     .repeat = Repeat::latest_source,
     .placeholder = "PORT",
     .help = "TCP port for load balancers: each connection begins with a PROXY header, version 1 "
             "or 2, which says who the client is; TCP and TLS follow. May be repeated; opened "
             "beside the other ports. Needs proxy-from.",
     .apply = add_proxy_port},
    {.name = "proxy-from",
     .repeat = Repeat::latest_source,
     .origin = Origin::ours,
     .placeholder = "ADDRESS[/LENGTH]",
     .help = "Load balancer, or network of them, that may connect to tcp-proxy-port; may be "
             "repeated. Whoever is not listed is disconnected.",
     .apply = add_proxy_source},
    {.name = "public-host",
     .origin = Origin::ours,
     .placeholder = "HOST",
     .help = "Name or address under which clients reach the server, for the iceServers that "
             "first-user prints. Default: external-ip, else the host's own address.",
     .apply = set_public_host},
    {.name = "sock-buf-size",
     .placeholder = "BYTES",
     .default_text = "2097152",
     .help =
         "Receive and send buffer of each listening UDP socket in the kernel; 0 keeps the system's "
         "default.",
     .apply = set_number<&Config::sock_buf_size_bytes, 0, kMaxSocketBuffer>},
    {.name = "relay-threads",
     .letter = 'm',
     .placeholder = "N",
     .default_text = "0",
     .help = "Worker threads; 0 is one per core that the process may use (container limits count).",
     .apply = set_number<&Config::relay_threads, 0, kMaxThreads>},
    {.name = "wake-up-moderation",
     .origin = Origin::ours,
     .placeholder = "MICROSECONDS",
     .default_text = "200",
     .help =
         "A worker that is woken often for a few packets each lets them gather that long, which "
         "saves much of its CPU time. Idle and saturated workers don't wait; 0 is never.",
     .apply = set_number<&Config::wake_up_moderation_us, 0, kMaxWakeUpPause>},
    {.name = "busy-poll",
     .origin = Origin::ours,
     .placeholder = "MICROSECONDS",
     .default_text = "0",
     .help = "For so long the kernel asks the network card itself when a listening UDP socket is "
             "found empty (SO_BUSY_POLL): less delay for more CPU time. Needs CAP_NET_ADMIN and a "
             "card whose driver can; 0 is off.",
     .apply = set_number<&Config::busy_poll_us, 0, kMaxBusyPoll>},
    {.name = "gather-peers",
     .argument = Argument::flag,
     .origin = Origin::ours,
     .default_text = "off",
     .help = "Datagrams from peers come to one socket of each worker instead of one of each "
             "allocation (a BPF program, SK_LOOKUP), and its buffer is shared by all. On loopback "
             "that saves no CPU time; measure it where the server runs. Needs CAP_BPF, "
             "CAP_NET_ADMIN and CAP_NET_RAW at the start, CAP_BPF always before Linux 5.19.",
     .apply = set_flag<&Config::gather_peers>},
};

constexpr Option kRelay[] = {
    {.name = "relay-ip",
     .letter = 'E',
     .repeat = Repeat::latest_source,
     .placeholder = "ADDRESS",
     .help =
         "Address to relay from; may be repeated. Default: the address that the client came to, "
         "or the host's default source address in the other family.",
     .apply = add_ip<&Config::relay_ips>},
    {.name = "external-ip",
     .letter = 'X',
     .repeat = Repeat::latest_source,
     .placeholder = "PUBLIC[/PRIVATE]",
     .help = "Public address to tell clients behind 1:1 NAT, for one private address or for every "
             "relay address of its family; may be repeated. auto: the server finds its IPv4 "
             "address and follows changes. none: its own, whatever an earlier source says.",
     .apply = add_external_ip},
    {.name = "external-ip-stun",
     .origin = Origin::ours,
     .placeholder = "HOST[:PORT],...|none",
     .default_text = kExternalIpStun,
     .help = "STUN servers that external-ip=auto asks first.",
     .apply = set_list<&Config::external_ip_stun>},
    {.name = "external-ip-metadata",
     .argument = Argument::flag,
     .origin = Origin::ours,
     .default_text = "on",
     .help = "external-ip=auto asks the metadata service of the cloud (169.254.169.254), if STUN "
             "does not answer.",
     .apply = set_flag<&Config::external_ip_metadata>},
    {.name = "external-ip-http",
     .origin = Origin::ours,
     .placeholder = "URL,...|none",
     .default_text = kExternalIpHttp,
     .help = "Pages (http:// only) that hold nothing but the address of who asks, for "
             "external-ip=auto when nothing else answers.",
     .apply = set_urls<&Config::external_ip_http>},
    {.name = "external-ip-interval",
     .origin = Origin::ours,
     .placeholder = "SECONDS",
     .default_text = "60",
     .help = "How often external-ip=auto looks for a change.",
     .apply = set_number<&Config::external_ip_interval_s, 1, 86400>},
    {.name = "min-port",
     .placeholder = "PORT",
     .default_text = "49152",
     .help = "First port of the relay range.",
     .apply = set_port<&Config::min_port>},
    {.name = "max-port",
     .placeholder = "PORT",
     .default_text = "65535",
     .help = "Last port of the relay range.",
     .apply = set_port<&Config::max_port>},
    {.name = "allocation-default-address-family",
     .letter = 'A',
     .placeholder = "ipv4|ipv6|keep",
     .default_text = "ipv4",
     .help = "Family of a relayed address when the client asks for none; keep is the client's own.",
     .apply = set_default_family},
    {.name = "no-udp-relay",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "No relayed UDP addresses.",
     .apply = set_flag<&Config::no_udp_relay>},
    {.name = "no-tcp-relay",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "No relayed TCP addresses (RFC 6062), which only TCP and TLS clients may have.",
     .apply = set_flag<&Config::no_tcp_relay>},
    {.name = "keep-address-family",
     .letter = 'K',
     .argument = Argument::flag,
     .help = "Old form of allocation-default-address-family=keep.",
     .alias_of = "allocation-default-address-family",
     .alias_value = "keep"},
};

}  // namespace

std::vector<std::string> default_external_ip_stun() {
  return split_list(kExternalIpStun);
}
std::vector<std::string> default_external_ip_http() {
  return split_list(kExternalIpHttp);
}

std::span<const Option> listener_options() {
  return kListeners;
}
std::span<const Option> relay_options() {
  return kRelay;
}

}  // namespace turnpike::config
