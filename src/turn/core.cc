#include "turn/core.h"

#include <algorithm>

#include "turn/mobility.h"

namespace turnpike::turn {
namespace {

ReplyLimiter make_limiter(const ReplyLimit& limit, ReplyBuckets* shared, RandomSource& random) {
  return shared != nullptr ? ReplyLimiter(limit, *shared) : ReplyLimiter(limit, random.hash_key());
}

// Until the store has been heard of: there may be users, and nothing is promised about them.
std::shared_ptr<const auth::StoreState> unknown_store() {
  auth::StoreState state;
  state.has_users = true;
  state.all_users_have_sha256 = false;
  return std::make_shared<const auth::StoreState>(std::move(state));
}

}  // namespace

Core::Core(std::shared_ptr<const Settings> s, const Services& sv, const auth::NonceKey& nonce_key,
           Instant start)
    : settings(std::move(s)),
      services(sv),
      keys(kKeyCacheGeneration, kKeyCacheLifetime, sv.random.hash_key()),
      mint(nonce_key, settings->nonce_lifetime),
      tickets(sv.mobility_key),
      allocations(sv.random.hash_key(), sv.directory, sv.worker, start),
      connections(sv.worker, sv.workers),
      notes(sv.random.hash_key()),
      error_limiter(make_limiter(settings->error_limit, sv.error_replies, sv.random)),
      binding_limiter(make_limiter(settings->binding_limit, sv.binding_replies, sv.random)),
      credit_from_clients(sv.capacity_from_clients, sv.worker),
      credit_to_clients(sv.capacity_to_clients, sv.worker),
      peer_hash_key(sv.random.hash_key()),
      store_state(unknown_store()) {}

namespace {

// nullptr: no limit.
NewPeers* new_peers_of(Allocation& allocation, Instant now, const Core& core) {
  const uint64_t limit = core.settings->new_peers_per_s;
  if (limit == 0) return nullptr;
  if (!allocation.new_peers) {
    allocation.new_peers = std::make_unique<NewPeers>(limit, core.peer_hash_key, now);
  }
  return allocation.new_peers.get();
}

}  // namespace

bool is_owner(const auth::Identity* who, const Allocation& allocation) {
  if (who == nullptr) return allocation.proof == auth::Proof::nothing;
  if (who->proof != allocation.proof || who->realm != allocation.realm) return false;
  if (who->proof != auth::Proof::access_token) return who->name == allocation.user;
  // Whoever gives tokens gives many of them by the name of one key: it is the token that counts.
  return who->token && allocation.token && who->name == allocation.user &&
         stun::constant_time_equal(who->token->mac_key(), allocation.token->mac_key());
}

const RealmRules& rules_of(const Allocation& allocation, const Core& core) {
  const RealmRules* rules = core.realms.find(allocation.realm);
  return rules == nullptr ? core.realms.own() : *rules;
}

auth::QuotaLimits quota_limits_of(const AuthenticatedRequest& request, const Core& core) {
  const RealmRules* found = core.realms.find(request.realm());
  const RealmRules& rules = found == nullptr ? core.realms.own() : *found;
  auth::QuotaLimits limits = rules.quota;
  if (const auth::StoredLimits* own = rules.own_limits(request.proof(), request.user())) {
    limits.per_user = own->user_quota.value_or(limits.per_user);
  }
  return limits;
}

SessionRates session_rates_of(const Allocation& allocation, const Core& core) {
  const RealmRules& rules = rules_of(allocation, core);
  SessionRates rates = rules.rates;
  if (const auth::StoredLimits* own = rules.own_limits(allocation.proof, allocation.user)) {
    rates.bytes_per_s = own->max_bps.value_or(rates.bytes_per_s);
  }
  return rates;
}

void renew_session_rates(Instant now, Core& core) {
  core.allocations.for_each([&](Allocation& allocation) {
    // One without a limit is not asked, and one that was not made is made with the limit in force.
    const uint64_t new_peers = core.settings->new_peers_per_s;
    if (allocation.new_peers && new_peers != 0) allocation.new_peers->use_rate(new_peers, now);
    set_session_rates(allocation.limits, session_rates_of(allocation, core),
                      core.credit_from_clients.is_limited(), now);
  });
}

bool may_meet(Allocation& allocation, uint64_t count, Instant now, Core& core) {
  NewPeers* peers = new_peers_of(allocation, now, core);
  if (peers == nullptr || count == 0 || peers->take(count, now)) return true;
  core.counters.new_peer_refusals.add();
  return false;
}

bool may_send_to(Allocation& allocation, const Endpoint& peer, Instant now, Core& core) {
  NewPeers* peers = new_peers_of(allocation, now, core);
  if (peers == nullptr || peers->send_to(peer, now)) return true;
  core.counters.drop_new_peer.add();
  return false;
}

std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::deleted:
      return "deleted";
    case CloseReason::expired:
      return "expired";
    case CloseReason::link_closed:
      return "link-closed";
    case CloseReason::killed:
      return "killed";
    case CloseReason::server_stops:
      return "server-stops";
  }
  return "?";
}

namespace {

PeerDecision decide(const Endpoint& peer, RelayTransport transport, const PeerPolicy& policy,
                    const Core& core) {
  const RelayDirectory& directory = core.services.directory;
  PeerDecision decision{policy.judge(peer.ip), peer, PeerReach::network};
  const auto external = directory.external_form(peer.ip);
  if (!external) return decision;

  decision.peer.ip = *external;
  if (policy.denied_by_rule(peer.ip) || policy.denied_by_rule(*external)) {
    decision.reason = PeerReason::denied_by_rule;
    return decision;
  }
  if (decision.reason == PeerReason::allowed) {
    decision.reach = PeerReach::own_relay_or_network;
    return decision;
  }
  // The one exception to the rule about our own addresses: an allocation that lives there. Port 0
  // means the address alone (a permission has no port): what it opens leads to live allocations
  // only, never to the network.
  decision.reach = PeerReach::own_relay;
  const bool lives = transport == RelayTransport::tcp
                         ? directory.find_tcp(decision.peer).has_value()
                         : directory.find(decision.peer).has_value();
  if (peer.port == 0 || lives) decision.reason = PeerReason::allowed;
  return decision;
}

// About a peer that was decided on before and is kept in its external form: a rule that allows the
// local one, which the client may have named, allows it still.
PeerDecision decide_anew(const Endpoint& kept, RelayTransport transport, const PeerPolicy& policy,
                         const Core& core) {
  const PeerDecision decision = decide(kept, transport, policy, core);
  if (decision.reach != PeerReach::own_relay) return decision;
  const auto local = core.services.directory.local_form(kept.ip);
  if (!local) return decision;
  const PeerDecision by_local = decide({*local, kept.port}, transport, policy, core);
  return by_local.reach == PeerReach::own_relay_or_network ? by_local : decision;
}

}  // namespace

PeerDecision decide_peer(const Endpoint& peer, const Allocation& allocation, const Core& core) {
  return decide(peer, RelayTransport::udp, *rules_of(allocation, core).peers, core);
}

PeerDecision decide_tcp_peer(const Endpoint& peer, const Allocation& allocation, const Core& core) {
  return decide(peer, RelayTransport::tcp, *rules_of(allocation, core).peers, core);
}

tl::unexpected<Reject> refuse_peer(const AuthenticatedRequest& request,
                                   const PeerDecision& decision, Core& core) {
  core.counters.peers_refused.add();
  core.counters.by.peers_refused[decision.reason].add();
  request.out.effects.emplace_back(
      PeerRefused{request.from.tuple, std::string(request.user()), decision.peer, decision.reason});
  return reject(stun::ErrorCode::forbidden);
}

void judge_peers_anew(Instant now, Core& core, Outbox& out) {
  core.allocations.for_each([&](Allocation& allocation) {
    const PeerPolicy& policy = *rules_of(allocation, core).peers;
    const auto judge = [&](const Ip& ip, PeerReach& reach) {
      // Without a port, as permissions are: what lives at one of our own addresses may come and go.
      const PeerDecision decision = decide_anew({ip, 0}, allocation.transport, policy, core);
      reach = decision.reach;
      return decision.reason;
    };
    allocation.channels.judge_anew(
        [&](const Ip& ip, PeerReach& reach) { return judge(ip, reach) == PeerReason::allowed; });
    allocation.permissions.judge_anew(now, [&](const Ip& ip, PeerReach& reach) {
      const PeerReason reason = judge(ip, reach);
      if (reason == PeerReason::allowed) return true;
      core.counters.peers_refused.add();
      core.counters.by.peers_refused[reason].add();
      return false;
    });
    // A connection has a port, and what does not live there now is not another allocation.
    end_connections(
        allocation,
        [&](Connection& connection) {
          const PeerDecision decision =
              decide_anew(connection.peer, RelayTransport::tcp, policy, core);
          connection.reach = decision.reach;
          return decision.reason != PeerReason::allowed;
        },
        core, out);
  });
}

void report_closed(const Allocation& allocation, CloseReason reason, Instant now, Core& core,
                   Outbox& out) {
  core.counters.allocations_closed.add();
  core.counters.by.allocations_closed[allocation.counted_as].add();
  out.effects.emplace_back(AllocationClosed{allocation.route.tuple, allocation.realm,
                                            allocation.user, std::string(allocation.quota.user()),
                                            reason, now - allocation.opened, allocation.from_client,
                                            allocation.to_client, allocation.account});
}

void close_allocation(Allocation& allocation, CloseReason reason, Instant now, Core& core,
                      Outbox& out) {
  end_connections(
      allocation, [](const Connection&) { return true; }, core, out);
  report_closed(allocation, reason, now, core, out);
  withdraw_routes(allocation, core, out);
  core.allocations.erase(allocation);
}

Result<Allocation*, Reject> allocation_of(const AuthenticatedRequest& request, Core& core) {
  Allocation* allocation = core.allocations.find(request.from);
  if (allocation == nullptr || allocation->deadline <= request.now.mono) {
    return reject(stun::ErrorCode::allocation_mismatch);
  }
  if (!is_owner(request.identity(), *allocation)) return reject(stun::ErrorCode::wrong_credentials);
  return allocation;
}

seconds granted_lifetime(std::optional<uint32_t> wanted_s, const Settings& settings) {
  const seconds floor = std::min(kDefaultLifetime, settings.max_lifetime);
  if (!wanted_s) return floor;
  return std::clamp(seconds(*wanted_s), floor, settings.max_lifetime);
}

seconds granted_lifetime(std::optional<uint32_t> wanted_s, const AuthenticatedRequest& request,
                         const Core& core) {
  const seconds granted = granted_lifetime(wanted_s, *core.settings);
  const auth::Identity* who = request.identity();
  if (who == nullptr || !who->token) return granted;
  // It passed the gate, so something is left.
  return std::min(granted, std::chrono::ceil<seconds>(who->token->left(request.now.wall)));
}

void renew_token(const AuthenticatedRequest& request, Core& core) {
  const auth::Identity* who = request.identity();
  Allocation* allocation = core.allocations.find(request.from);
  if (who == nullptr || !who->token || allocation == nullptr || !allocation->token) return;
  if (who->realm != allocation->realm || is_owner(who, *allocation)) return;
  allocation->user = who->name;
  allocation->token = std::make_unique<const auth::AccessToken>(*who->token);
}

}  // namespace turnpike::turn
