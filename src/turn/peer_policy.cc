#include "turn/peer_policy.h"

#include <array>

#include "base/check.h"

namespace turnpike::turn {
namespace {

struct Default {
  std::string_view range;
  PeerReason reason;
};

// From the IANA special-purpose registries; RFC 6890 and its successors.
constexpr auto kDefaults = std::to_array<Default>({
    {"0.0.0.0/8", PeerReason::unspecified},
    {"10.0.0.0/8", PeerReason::private_use},
    {"100.64.0.0/10", PeerReason::shared_space},
    {"127.0.0.0/8", PeerReason::loopback},
    {"169.254.0.0/16", PeerReason::link_local},
    {"172.16.0.0/12", PeerReason::private_use},
    {"192.0.0.0/24", PeerReason::reserved},
    {"192.0.2.0/24", PeerReason::documentation},
    {"192.88.99.0/24", PeerReason::reserved},
    {"192.168.0.0/16", PeerReason::private_use},
    {"198.18.0.0/15", PeerReason::reserved},
    {"198.51.100.0/24", PeerReason::documentation},
    {"203.0.113.0/24", PeerReason::documentation},
    {"224.0.0.0/4", PeerReason::multicast},
    {"240.0.0.0/4", PeerReason::reserved},
    {"255.255.255.255", PeerReason::broadcast},
    {"::", PeerReason::unspecified},
    {"::1", PeerReason::loopback},
    // Where a local translator finds the IPv4 address is its operator's choice (RFC 8215), so that
    // no reading of it could be trusted.
    {"64:ff9b:1::/48", PeerReason::reserved},
    {"100::/64", PeerReason::reserved},
    {"100:0:0:1::/64", PeerReason::reserved},
    // What of 2001::/23 is not global, written without the parts that are, so that nothing here is
    // narrower than an operator's rule about all of it. Teredo (2001::/32) is judged by what it
    // hides.
    {"2001:1::", PeerReason::reserved},
    {"2001:1::4-2001:2:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
    {"2001:4::-2001:4:111:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
    {"2001:4:113::-2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
    {"2001:40::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", PeerReason::reserved},
    {"2001:db8::/32", PeerReason::documentation},
    {"3fff::/20", PeerReason::documentation},
    {"5f00::/16", PeerReason::reserved},
    {"fc00::/7", PeerReason::unique_local},
    {"fe80::/10", PeerReason::link_local},
    {"fec0::/10", PeerReason::unique_local},
    {"ff00::/8", PeerReason::multicast},
});

bool is_private(PeerReason reason) {
  return reason == PeerReason::private_use || reason == PeerReason::shared_space ||
         reason == PeerReason::unique_local;
}

}  // namespace

std::string_view to_string(PeerReason reason) {
  switch (reason) {
    case PeerReason::allowed:
      return "allowed";
    case PeerReason::unspecified:
      return "unspecified";
    case PeerReason::loopback:
      return "loopback";
    case PeerReason::link_local:
      return "link-local";
    case PeerReason::multicast:
      return "multicast";
    case PeerReason::broadcast:
      return "broadcast";
    case PeerReason::private_use:
      return "private";
    case PeerReason::shared_space:
      return "carrier-grade-nat";
    case PeerReason::unique_local:
      return "unique-local";
    case PeerReason::documentation:
      return "documentation";
    case PeerReason::reserved:
      return "reserved";
    case PeerReason::own_address:
      return "own-address";
    case PeerReason::denied_by_rule:
      return "denied-peer-ip";
  }
  return "?";
}

std::string_view option_that_allows(PeerReason reason) {
  if (is_private(reason)) return "allow-private-peers or allowed-peer-ip";
  if (reason == PeerReason::loopback) return "allow-loopback-peers";
  return "allowed-peer-ip";
}

PeerPolicy::PeerPolicy(const PeerPolicySettings& settings) {
  for (const Default& entry : kDefaults) {
    if (settings.allow_private_peers && is_private(entry.reason)) continue;
    if (settings.allow_loopback_peers && entry.reason == PeerReason::loopback) continue;
    const auto range = IpRange::parse(entry.range);
    CHECK(range.has_value());
    table_.add(*range, entry.reason);
  }
  for (const IpRange& range : settings.own_ranges) {
    // The defaults say what becomes of loopback.
    if (!range.first.is_loopback()) table_.add(range, PeerReason::own_address);
  }
  for (const Ip& ip : settings.own_addresses) {
    if (settings.allow_loopback_peers && ip.is_loopback()) continue;
    table_.add({ip, ip}, PeerReason::own_address);
  }
  for (const PeerRule& rule : settings.rules) {
    table_.add(rule.range,
               rule.action == RuleAction::allow ? PeerReason::allowed : PeerReason::denied_by_rule);
    rules_.add(rule.range, rule.action);
  }
}

PeerReason PeerPolicy::judge(const Ip& peer) const {
  const PeerReason reason = judge_plain(peer);
  if (reason != PeerReason::allowed) return reason;
  // What a translator or tunnel would turn it into must be allowed as well.
  const auto embedded = peer.embedded_v4();
  return embedded ? judge_plain(*embedded) : PeerReason::allowed;
}

bool PeerPolicy::denied_by_rule(const Ip& peer) const {
  const auto* entry = rules_.find(peer);
  return entry != nullptr && entry->value == RuleAction::deny;
}

PeerReason PeerPolicy::judge_plain(const Ip& ip) const {
  const auto* entry = table_.find(ip);
  return entry == nullptr ? PeerReason::allowed : entry->value;
}

}  // namespace turnpike::turn
