#include "turn/authenticate.h"

#include "turn/mobility.h"

namespace turnpike::turn {
namespace {

using stun::ErrorCode;

void report_wrong_credentials(const Request& request, const RealmRules& rules, auth::Fault fault,
                              Core& core) {
  core.counters.wrong_credentials.add();
  const bool late = fault == auth::Fault::expired;
  core.counters.by.auth[late ? AuthOutcome::expired : AuthOutcome::wrong].add();
  const auto name = request.message.find(stun::AttributeType::username);
  request.out.effects.emplace_back(
      CredentialsRefused{request.from.tuple, name ? std::string(as_text(*name)) : std::string(),
                         rules.policy.realm, fault});
}

AuthOutcome outcome_of(const auth::Refused& refused) {
  return refused.code == ErrorCode::server_error ? AuthOutcome::unavailable
                                                 : AuthOutcome::malformed;
}

AuthOutcome outcome_of(const auth::Challenged& challenged) {
  return challenged.code == ErrorCode::stale_nonce ? AuthOutcome::stale_nonce
                                                   : AuthOutcome::challenged;
}

// A known ORIGIN says which realm it is about, else the allocation does. Strangers cost a look-up,
// whatever they send.
const RealmRules& choose_realm(const stun::MessageView& message, const Allocation* allocation,
                               const Core& core) {
  if (const RealmRules* rules = core.realms.find_by_origin(message)) return *rules;
  return allocation != nullptr ? rules_of(*allocation, core) : core.realms.own();
}

}  // namespace

Gate::Passed Gate::pass(const Request& request, Core& core) {
  const Settings& settings = *core.settings;
  if (settings.auth == AuthMode::none) {
    Request open = request;
    open.message = request.message.covered_by_integrity();
    return AuthenticatedRequest(open, std::nullopt);
  }

  auto& tally = core.counters.by.auth;
  const Allocation* allocation = core.allocations.find(request.from);
  if (allocation == nullptr) allocation = ticket_holder(request.message, core);
  std::optional<auth::KnownOwner> owner;
  // An allocation that was made without credentials has none that would be good for it.
  if (allocation != nullptr && allocation->proof != auth::Proof::nothing) {
    owner.emplace(auth::KnownOwner{allocation->proof, allocation->realm, allocation->user,
                                   allocation->keys, allocation->token.get()});
  }

  const RealmRules& rules = choose_realm(request.message, allocation, core);
  auth::Verdict verdict =
      auth::LongTerm(core.mint, core.keys)
          .check(rules.policy, request.message, nonce_holder(request.from.tuple), request.now,
                 owner ? &*owner : nullptr);
  if (auto* needed = std::get_if<auth::NeedsKey>(&verdict)) return std::move(*needed);
  if (const auto* refused = std::get_if<auth::Refused>(&verdict)) {
    tally[outcome_of(*refused)].add();
    return Reject{refused->code};
  }
  if (const auto* challenged = std::get_if<auth::Challenged>(&verdict)) {
    if (challenged->fault != auth::Fault::none) {
      report_wrong_credentials(request, rules, challenged->fault, core);
    } else {
      tally[outcome_of(*challenged)].add();
    }
    return Challenge{challenged->code, rules};
  }
  auto& who = std::get<auth::Identity>(verdict);
  // A session outlives its time-limited name, unless the operator wants it otherwise: what the name
  // can no longer do is begin one.
  const stun::Method method = request.message.method();
  // A ConnectionBind comes over a link of its own; its handler lets nobody but the owner of a
  // living allocation through.
  const bool continues =
      method == stun::Method::connection_bind ||
      (allocation != nullptr && is_owner(&who, *allocation) && method != stun::Method::allocate);
  if (who.expired && (settings.strict_expiry || !continues)) {
    report_wrong_credentials(request, rules, auth::Fault::expired, core);
    return Challenge{ErrorCode::unauthenticated, rules};
  }
  tally[AuthOutcome::accepted].add();
  Request covered = request;
  covered.message = request.message.limit_to(who.covered);
  return AuthenticatedRequest(covered, std::move(who));
}

}  // namespace turnpike::turn
