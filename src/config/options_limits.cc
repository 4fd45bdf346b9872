// Quotas, lifetimes, rate limits, and details of the protocol.
#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

constexpr uint64_t kNoBound = std::numeric_limits<uint64_t>::max();
// A day: what is kept longer than that without a sign of life is a leak.
constexpr uint64_t kMaxLifetime = 86'400;
// Lookups scan them, so the worst case must stay bounded.
constexpr uint64_t kMaxPerAllocation = 1024;

constexpr uint16_t kPlainPort = 3478;
constexpr uint16_t kTlsPort = 5349;

template <uint16_t DefaultPort, Transport... Transports>
Complaint add_alternate(Config& config, std::string_view value) {
  const auto address = Endpoint::parse(value, DefaultPort);
  if (!address || address->port == 0 || address->ip.is_unspecified()) {
    return "must be ADDRESS or ADDRESS:PORT, with an IP address (IPv6 with a port in brackets)";
  }
  config.alternate_servers.push_back({*address, {Transports...}});
  return {};
}

std::string printed_rate(std::string_view value) {
  return rate_text(parse_rate(value).value_or(0));
}

constexpr Option kLimits[] = {
    {.name = "user-quota",
     .letter = 'q',
     .placeholder = "N",
     .default_text = "0",
     .help = "Allocations that one user may hold at once; 0 is no limit.",
     .apply = set_number<&Config::user_quota, 0, kNoBound>},
    {.name = "total-quota",
     .letter = 'Q',
     .placeholder = "N",
     .default_text = "0",
     .help = "Allocations that all users of a realm together may hold at once; 0 is no limit.",
     .apply = set_number<&Config::total_quota, 0, kNoBound>},
    {.name = "max-bps",
     .letter = 's',
     .placeholder = "RATE",
     .default_text = "0",
     .help = "Bytes per second that one session may relay in each direction, also as 3M or 24Mbit; "
             "0 is no limit.",
     .apply = set_rate<&Config::max_bps_bytes_per_s>,
     .printed = printed_rate},
    {.name = "bps-capacity",
     .letter = 'B',
     .placeholder = "RATE",
     .default_text = "0",
     .help = "Bytes per second that all sessions together may relay in each direction; 0 is no "
             "limit.",
     .apply = set_rate<&Config::bps_capacity_bytes_per_s>,
     .printed = printed_rate},
    {.name = "max-packets-per-second",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "0",
     .help = "Datagrams per second that one session may relay in each direction; 0 is no limit.",
     .apply = set_number<&Config::max_packets_per_s>},
    {.name = "max-new-peers-per-second",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "100",
     .help = "Peers per second that are new to a session, against port scans through the relay; "
             "five seconds' worth may be saved up; 0 is no limit.",
     .apply = set_number<&Config::max_new_peers_per_s>},
    {.name = "max-allocate-lifetime",
     .placeholder = "SECONDS",
     .default_text = "3600",
     .help = "Longest lifetime that an allocation gets at a time.",
     .apply = set_number<&Config::max_allocate_lifetime_s, 1, kMaxLifetime>},
    {.name = "channel-lifetime",
     .placeholder = "SECONDS",
     .default_text = "600",
     .help = "Lifetime of a channel binding; RFC 8656 fixes it, so change it in tests only.",
     .apply = set_number<&Config::channel_lifetime_s, 1, kMaxLifetime>},
    {.name = "permission-lifetime",
     .placeholder = "SECONDS",
     .default_text = "300",
     .help = "Lifetime of a permission; RFC 8656 fixes it, so change it in tests only.",
     .apply = set_number<&Config::permission_lifetime_s, 1, kMaxLifetime>},
    {.name = "max-permissions-per-allocation",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "64",
     .help = "Peer addresses that one allocation may have permissions for at once.",
     .apply = set_number<&Config::max_permissions_per_allocation, 1, kMaxPerAllocation>},
    {.name = "max-channels-per-allocation",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "64",
     .help = "Channels that one allocation may have bound at once.",
     .apply = set_number<&Config::max_channels_per_allocation, 1, kMaxPerAllocation>},
    {.name = "max-tcp-connections-per-allocation",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "64",
     .help = "Connections with peers that one TCP allocation (RFC 6062) may have at once.",
     .apply = set_number<&Config::max_tcp_connections_per_allocation, 1, kMaxPerAllocation>},
    {.name = "unauthorized-ratelimit",
     .argument = Argument::flag,
     .default_text = "on",
     .help = "Limits error replies to strangers, per IPv4 address or IPv6 /56.",
     .apply = set_flag<&Config::unauthorized_ratelimit>},
    {.name = "unauthorized-ratelimit-rps",
     .placeholder = "N",
     .default_text = "200",
     .help =
         "Such replies per second that a source gets for long; beyond it one in 16 is answered.",
     .apply = set_number<&Config::unauthorized_ratelimit_rps, 1>},
    {.name = "unauthorized-ratelimit-burst",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "2000",
     .help = "Such replies that a source gets at once before the rate counts.",
     .apply = set_number<&Config::unauthorized_ratelimit_burst, 1>},
    {.name = "binding-ratelimit",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "5000",
     .help = "Binding successes per second and source address; 0 is no limit.",
     .apply = set_number<&Config::binding_ratelimit_rps>},
};

constexpr Option kProtocol[] = {
    {.name = "fingerprint",
     .letter = 'f',
     .argument = Argument::flag,
     .default_text = "off",
     .help = "FINGERPRINT in every reply, not only where the request has one.",
     .apply = set_flag<&Config::fingerprint>},
    {.name = "software-attribute",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Tells name and version of the server in replies.",
     .apply = set_flag<&Config::software_attribute>},
    {.name = "no-software-attribute",
     .argument = Argument::flag,
     .help = "The opposite of software-attribute, and the default.",
     .alias_of = "software-attribute",
     .alias_value = "off"},
    {.name = "prod",
     .argument = Argument::flag,
     .help = "Old name of no-software-attribute.",
     .alias_of = "software-attribute",
     .alias_value = "off"},
    {.name = "include-reason-string",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "A phrase beside the code in error replies, which makes them longer.",
     .apply = set_flag<&Config::include_reason_string>},
    {.name = "stun-backward-compatibility",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "MAPPED-ADDRESS beside XOR-MAPPED-ADDRESS in Binding replies, for very old clients.",
     .apply = set_flag<&Config::stun_backward_compatibility>},
    {.name = "no-stun-backward-compatibility",
     .argument = Argument::flag,
     .help = "The opposite of stun-backward-compatibility, and the default.",
     .alias_of = "stun-backward-compatibility",
     .alias_value = "off"},
    {.name = "rfc5780",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "NAT behaviour discovery (RFC 5780) in Binding requests; all of it with two "
             "listening-ip of a family, without CHANGE-REQUEST and OTHER-ADDRESS with one.",
     .apply = set_flag<&Config::rfc5780>},
    {.name = "tcp-connect-back",
     .argument = Argument::flag,
     .origin = Origin::ours,
     .default_text = "off",
     .help = "Connects back over TCP to users who ask for it, to their own address and within "
             "limits, so that `turnpike nat --tcp` can tell what their NAT lets in; all of it with "
             "rfc5780 and two listening-ip.",
     .apply = set_flag<&Config::tcp_connect_back>},
    {.name = "no-rfc5780",
     .argument = Argument::flag,
     .help = "The opposite of rfc5780, and the default.",
     .alias_of = "rfc5780",
     .alias_value = "off"},
    {.name = "rfc3489-compatibility",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Answers the Binding requests of RFC 3489, which have no magic cookie; with two "
             "listening-ip of a family also from the other address and port.",
     .apply = set_flag<&Config::rfc3489_compatibility>},
    {.name = "alternate-server",
     .repeat = Repeat::latest_source,
     .placeholder = "ADDRESS[:PORT]",
     .help =
         "Server that UDP and TCP clients are sent to instead (300 Try Alternate) when they ask "
         "for an allocation; may be repeated, and all that answer have their turn. Each is "
         "asked every few seconds; when none answers, clients are served here.",
     .apply = add_alternate<kPlainPort, Transport::udp, Transport::tcp>},
    {.name = "udp-alternate-server",
     .repeat = Repeat::latest_source,
     .placeholder = "ADDRESS[:PORT]",
     .help = "The same for UDP clients only.",
     .apply = add_alternate<kPlainPort, Transport::udp>},
    {.name = "tcp-alternate-server",
     .repeat = Repeat::latest_source,
     .placeholder = "ADDRESS[:PORT]",
     .help = "The same for TCP clients only.",
     .apply = add_alternate<kPlainPort, Transport::tcp>},
    {.name = "tls-alternate-server",
     .repeat = Repeat::latest_source,
     .placeholder = "ADDRESS[:PORT]",
     .help = "The same for TLS and DTLS clients; the port is 5349 unless given.",
     .apply = add_alternate<kTlsPort, Transport::tls, Transport::dtls>},
    {.name = "rfc5766-channel-numbers",
     .argument = Argument::flag,
     .default_text = "on",
     .help = "Accepts the channel numbers 0x5000 to 0x7FFF of RFC 5766, which clients still use.",
     .apply = set_flag<&Config::rfc5766_channel_numbers>},
    {.name = "mobility",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Lets a client take its allocation along when its address changes (RFC 8016).",
     .apply = set_flag<&Config::mobility>},
    {.name = "no-stun",
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Does not answer Binding requests.",
     .apply = set_flag<&Config::no_stun>},
    {.name = "stun-only",
     .letter = 'S',
     .argument = Argument::flag,
     .default_text = "off",
     .help = "Answers Binding requests only.",
     .apply = set_flag<&Config::stun_only>},
};

}  // namespace

std::span<const Option> limit_options() {
  return kLimits;
}
std::span<const Option> protocol_options() {
  return kProtocol;
}

}  // namespace turnpike::config
