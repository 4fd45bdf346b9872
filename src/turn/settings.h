// What the core must know of the configuration: an immutable snapshot. A reload makes a new one;
// live allocations keep the deadlines they were promised.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/quota.h"
#include "turn/bandwidth.h"
#include "turn/behavior_discovery.h"
#include "turn/limits.h"
#include "turn/peer_policy.h"
#include "turn/reply_limiter.h"

namespace turnpike::turn {

enum class AuthMode : uint8_t { long_term, none };

// RFC 8656 section 7.2 step 7 gives IPv4 when the client does not say.
enum class DefaultFamily : uint8_t { v4, v6, as_client };

struct Settings {
  AuthMode auth = AuthMode::long_term;
  std::string realm = "turnpike";
  bool use_shared_secrets = true;  // Those of the store count only then, too.
  std::vector<std::string> shared_secrets;
  char secret_separator = ':';
  bool strict_expiry = false;  // An expired time-limited name may not even refresh.
  bool authenticate_binding = false;
  bool mobility = false;          // RFC 8016.
  bool tcp_connect_back = false;  // stun/connect_back.h.
  bool realms_by_origin = true;
  std::string token_server_name;  // RFC 7635; empty: no tokens are taken.

  seconds nonce_lifetime{600};  // 0: nonces do not go stale.
  seconds max_lifetime = kMaxLifetime;
  seconds permission_lifetime = kPermissionLifetime;
  seconds channel_lifetime = kChannelLifetime;
  size_t max_permissions = kMaxPermissions;
  size_t max_channels = kMaxChannels;
  size_t max_connections = kMaxConnections;  // With peers, of one TCP allocation.
  auth::QuotaLimits quota;
  SessionRates session;
  uint64_t new_peers_per_s = 0;  // For one session; 0: no limit.
  ReplyLimit error_limit{200, 2000};
  ReplyLimit binding_limit{5000, 5000};

  DefaultFamily default_family = DefaultFamily::v4;
  bool serve_binding = true;
  bool serve_turn = true;
  bool serve_udp_relay = true;
  bool serve_tcp_relay = true;       // RFC 6062.
  bool wide_channel_numbers = true;  // RFC 5766's range, up to 0x7FFF.
  bool classic_stun = false;         // RFC 3489.
  bool add_mapped_address = false;   // For clients that do not know XOR-MAPPED-ADDRESS.
  bool always_fingerprint = false;
  bool reason_phrases = false;
  std::string software;  // Empty: no SOFTWARE attribute.

  // RFC 5780 and the second address of RFC 3489; nullptr: neither is served.
  std::shared_ptr<const BehaviorDiscovery> discovery;

  std::shared_ptr<const PeerPolicy> peers;
  // Of realms besides our own, where they differ.
  std::map<std::string, std::shared_ptr<const PeerPolicy>, std::less<>> realm_peers;
};

}  // namespace turnpike::turn
