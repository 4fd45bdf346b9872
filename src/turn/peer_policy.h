// Which peer addresses may be reached: the one place that decides, asked wherever a peer address
// enters state. An immutable snapshot; a change makes a new one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/ip_range.h"

namespace turnpike::turn {

enum class PeerReason : uint8_t {
  allowed,
  unspecified,
  loopback,
  link_local,  // Cloud metadata services stand here too.
  multicast,
  broadcast,
  private_use,
  shared_space,  // Carrier-grade NAT.
  unique_local,
  documentation,
  reserved,
  own_address,     // This host, or an external address of it.
  denied_by_rule,  // denied-peer-ip.
};
constexpr size_t kPeerReasons = 13;

std::string_view to_string(PeerReason reason);
// The option that would allow it, for the log.
std::string_view option_that_allows(PeerReason reason);

enum class RuleAction : uint8_t { allow, deny };
struct PeerRule {
  IpRange range;
  RuleAction action;
};

struct PeerPolicySettings {
  std::vector<PeerRule> rules = {};    // As configured: the narrowest wins, of equal ones the last.
  std::vector<Ip> own_addresses = {};  // Of this host's interfaces, and every external-ip.
  std::vector<IpRange> own_ranges = {};  // What else leads to this host.
  bool allow_private_peers = false;
  bool allow_loopback_peers = false;
};

class PeerPolicy {
 public:
  explicit PeerPolicy(const PeerPolicySettings& settings);

  // own_address means: refused, unless it is the relayed address of a live allocation.
  [[nodiscard]] PeerReason judge(const Ip& peer) const;
  // Whether the operator's rules, without our own, deny it: a range around one of our addresses is
  // wider than the address itself, and yet decides about the exception for relayed addresses.
  [[nodiscard]] bool denied_by_rule(const Ip& peer) const;

 private:
  [[nodiscard]] PeerReason judge_plain(const Ip& ip) const;

  // The defaults and the operator's rules in one table, so that "the narrowest wins" holds between
  // them too.
  IpRangeTable<PeerReason> table_;
  IpRangeTable<RuleAction> rules_;
};

}  // namespace turnpike::turn
