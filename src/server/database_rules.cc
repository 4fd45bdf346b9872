#include "server/database_rules.h"

#include "base/log.h"

namespace turnpike::server {
config::Config with_database_rules(const config::Config& config, const auth::RealmState& realm) {
  config::Config merged = config;
  if (config.no_dynamic_ip_list) return merged;
  for (const auth::StoredPeerRule& rule : realm.peer_rules) {
    const bool allows = rule.action == auth::StoredPeerRule::Action::allow;
    const auto range = IpRange::parse(rule.range);
    if (!range) {
      log_error("peer_rule_ignored",
                {{"range", rule.range}, {"table", allows ? "allowed_peer_ip" : "denied_peer_ip"}});
      continue;
    }
    merged.peer_rules.push_back(
        {*range, allows ? config::PeerAction::allow : config::PeerAction::deny});
  }
  return merged;
}

}  // namespace turnpike::server
