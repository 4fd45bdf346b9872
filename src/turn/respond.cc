#include "turn/respond.h"

#include <algorithm>
#include <array>

#include "stun/connect_back.h"
#include "turn/binding.h"
#include "turn/mobility.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::Class;
using stun::ErrorCode;
using stun::MessageBuilder;

// What a request to this server may carry. Response attributes and those of extensions that are not
// served are as unknown to it as numbers that nobody has assigned.
constexpr std::array kKnown = {
    AttributeType::mapped_address,
    AttributeType::username,
    AttributeType::message_integrity,
    AttributeType::channel_number,
    AttributeType::lifetime,
    AttributeType::xor_peer_address,
    AttributeType::data,
    AttributeType::realm,
    AttributeType::nonce,
    AttributeType::requested_address_family,
    AttributeType::connection_id,
    AttributeType::even_port,
    AttributeType::requested_transport,
    AttributeType::dont_fragment,
    AttributeType::message_integrity_sha256,
    AttributeType::password_algorithm,
    AttributeType::userhash,
    AttributeType::reservation_token,
    AttributeType::priority,  // RFC 8445: a connectivity check may lose its way to us.
    AttributeType::use_candidate,
};

enum class WithFingerprint : uint8_t { as_configured, yes };
enum class WithSoftware : uint8_t { as_configured, no };

void add_tail(WithFingerprint fingerprint, WithSoftware software, const Core& core,
              MessageBuilder& answer, const auth::Identity* who) {
  if (software == WithSoftware::as_configured && !core.settings->software.empty()) {
    answer.add(AttributeType::software, core.settings->software);
  }
  if (who != nullptr) {
    if (who->integrity == stun::IntegrityKind::sha256) {
      answer.add_integrity_sha256(who->key());
    } else {
      answer.add_integrity_sha1(who->key());
    }
  }
  if (core.settings->always_fingerprint || fingerprint == WithFingerprint::yes) {
    answer.add_fingerprint();
  }
}

// What add_tail() adds for somebody without credentials.
size_t stranger_tail_size(const Request& request, WithSoftware with_software, const Core& core) {
  constexpr size_t kHeader = 4;
  const size_t software =
      with_software == WithSoftware::as_configured ? core.settings->software.size() : 0;
  size_t size = software == 0 ? 0 : kHeader + (software + 3) / 4 * 4;
  if (core.settings->always_fingerprint || request.message.has_fingerprint()) size += kHeader + 4;
  return size;
}

// A handler may have sent something of its own, such as the answer to a Connect that a Refresh
// ends. That stands behind the room then, and nothing can go back.
void give_back_unused(Outbox& out, ByteSpan room, size_t used) {
  const bool is_latest = out.claim(0).data() == room.data() + room.size();
  if (is_latest) out.give_back(room.size() - used);
}

// Room for one answer in the outbox, of which the unused part goes back.
class Reply {
 public:
  Reply(const Request& request, Core& core, Class message_class)
      : request_(request),
        core_(core),
        room_(request.out.claim(kMaxReplySize)),
        builder_(room_, request.message.method(), message_class, request.message.transaction_id()) {
  }

  MessageBuilder& builder() { return builder_; }

  // Completes the answer and sends it; `who` seals it. False, and counted, when there was no room.
  [[nodiscard]] bool send_sealed_by(const auth::Identity* who) {
    return send_sealed_by(who, path_back(request_.from));
  }
  [[nodiscard]] bool send_sealed_by(const auth::Identity* who, const AnswerPath& path,
                                    WithSoftware software = WithSoftware::as_configured) {
    add_tail(
        request_.message.has_fingerprint() ? WithFingerprint::yes : WithFingerprint::as_configured,
        software, core_, builder_, who);
    const ByteView bytes = builder_.finish();
    give_back_unused(request_.out, room_, bytes.size());
    if (bytes.empty()) {
      core_.counters.drop_outbox_full.add();
      return false;
    }
    request_.out.to_client.push_back(
        {path.link, path.client, path.server_ip, bytes, {}, Precious::yes});
    return true;
  }

  void discard() { give_back_unused(request_.out, room_, 0); }

 private:
  const Request& request_;
  Core& core_;
  ByteSpan room_;
  MessageBuilder builder_;
};

void count_error(ErrorCode code, stun::Method method, Counters& counters) {
  counters.errors.add();
  if (method == stun::Method::binding) counters.binding_errors.add();
  counters.by.errors.add(code);
  if (code == ErrorCode::unauthenticated) counters.challenges.add();
  if (code == ErrorCode::try_alternate) counters.redirects.add();
  if (code == ErrorCode::stale_nonce) counters.stale_nonces.add();
  if (code == ErrorCode::allocation_quota_reached) counters.quota_refusals.add();
  if (code == ErrorCode::insufficient_capacity) counters.capacity_refusals.add();
}

void add_error(const Reject& rejection, const Core& core, MessageBuilder& answer) {
  answer.add_error(rejection.code,
                   core.settings->reason_phrases ? stun::reason(rejection.code) : "");
  if (rejection.alternate) {
    answer.add_address(AttributeType::alternate_server, *rejection.alternate);
  }
  if (!rejection.unknown.empty()) answer.add_unknown_attributes(rejection.unknown);
}

void send_rejection(const AuthenticatedRequest& request, const Reject& rejection, Core& core) {
  Reply reply(request, core, Class::error);
  add_error(rejection, core, reply.builder());
  if (reply.send_sealed_by(request.identity())) {
    count_error(rejection.code, request.message.method(), core.counters);
  }
  request.out.effects.emplace_back(RequestRefused{request.from.tuple, std::string(request.user()),
                                                  request.message.method(), rejection.code});
}

// An answer to another port reaches somebody who may not have asked, behind an address that he
// shares with the client; so there are few of them, whatever the other limits say.
bool may_redirect(const Request& request, Core& core) {
  ReplyBuckets* buckets = core.services.redirected_replies;
  if (buckets == nullptr) {
    if (!core.own_redirected_replies) {
      core.own_redirected_replies = std::make_unique<ReplyBuckets>(core.services.random.hash_key());
    }
    buckets = core.own_redirected_replies.get();
  }
  return buckets->spend(request.from.tuple.client.ip, {kRedirectedPerSecond, kRedirectedBurst},
                        request.now.mono);
}

// `who` is nullptr for a stranger.
void send_binding(const Request& request, const BindingPlan& plan, const auth::Identity* who,
                  Core& core) {
  const bool to_third_party = plan.redirected && who == nullptr;
  const WithSoftware software = to_third_party ? WithSoftware::no : WithSoftware::as_configured;
  SizeBound bound;
  bound.limited = who == nullptr;
  if (bound.limited) bound.tail = stranger_tail_size(request, software, core);
  // Nobody is sent more than was asked with: who wants an answer elsewhere makes room for it.
  if (to_third_party && request.message.bytes().size() < bare_answer_size(request) + bound.tail) {
    return respond_stranger(request, Reject{ErrorCode::bad_request}, core);
  }
  if (plan.redirected && !may_redirect(request, core)) {
    return core.counters.drop_rate_limited.add();
  }
  Reply success(request, core, Class::success);
  write_binding(request, plan, core, bound, success.builder());
  if (!success.send_sealed_by(who, plan.path, software)) return;
  core.counters.binding_successes.add();
  core.counters.by.successes.add(stun::Method::binding);
}

}  // namespace

bool is_known(AttributeType type) {
  return std::find(kKnown.begin(), kKnown.end(), type) != kKnown.end();
}

std::vector<AttributeType> unknown_attributes(const stun::MessageView& message, const Core& core) {
  const bool takes_tokens = !core.settings->token_server_name.empty();
  std::vector<AttributeType> unknown;
  for (const stun::Attribute& attribute : message) {
    if (!stun::is_required(attribute.type) || is_known(attribute.type)) continue;
    if (takes_tokens && attribute.type == AttributeType::access_token) continue;
    if (std::find(unknown.begin(), unknown.end(), attribute.type) != unknown.end()) continue;
    unknown.push_back(attribute.type);
    if (unknown.size() == kMaxUnknownAttributes) break;
  }
  return unknown;
}

void respond_authenticated(const AuthenticatedRequest& request, Handler handler, Core& core) {
  auto unknown = unknown_attributes(request.message, core);
  if (request.message.method() == stun::kConnectBackMethod) {
    std::erase(unknown, AttributeType::change_request);
    std::erase(unknown, AttributeType::response_port);
  }
  if (!unknown.empty()) {
    return send_rejection(request, Reject{ErrorCode::unknown_attribute, std::move(unknown)}, core);
  }
  Reply success(request, core, Class::success);
  const Outcome outcome = handler(request, core, success.builder());
  if (outcome && outcome->answer == Answer::later) return success.discard();
  if (outcome) {
    // After a move the workers that have the links must know for how long.
    const Allocation* allocation = core.allocations.find(request.from);
    if (allocation != nullptr) announce_routes(*allocation, core, request.out);
    if (success.send_sealed_by(request.identity())) {
      core.counters.successes.add();
      core.counters.by.successes.add(request.message.method());
    }
    return;
  }
  success.discard();
  send_rejection(request, outcome.error(), core);
}

void answer_connect(const Unanswered& asked, const Result<uint32_t, ErrorCode>& outcome, Core& core,
                    Outbox& out) {
  const ByteSpan room = out.claim(kMaxReplySize);
  MessageBuilder answer(room, asked.method, outcome ? Class::success : Class::error,
                        asked.transaction);
  const auth::Identity* who = asked.who ? &*asked.who : nullptr;
  if (outcome) {
    answer.add_u32(AttributeType::connection_id, *outcome);
  } else {
    add_error(Reject{outcome.error()}, core, answer);
    out.effects.emplace_back(RequestRefused{asked.from.tuple, who ? who->name : std::string(),
                                            asked.method, outcome.error()});
  }
  add_tail(asked.has_fingerprint ? WithFingerprint::yes : WithFingerprint::as_configured,
           WithSoftware::as_configured, core, answer, who);
  const ByteView bytes = answer.finish();
  out.give_back(room.size() - bytes.size());
  if (bytes.empty()) return core.counters.connects_unanswered.add();
  const ClientRoute& to = asked.from;
  out.to_client.push_back({to.link, to.tuple.client, to.tuple.server.ip, bytes, {}, Precious::yes});
  if (!outcome) return count_error(outcome.error(), asked.method, core.counters);
  core.counters.successes.add();
  core.counters.by.successes.add(asked.method);
}

void respond_binding(const Request& request, Core& core) {
  const auto plan = plan_binding(request, core);
  if (!plan) return respond_stranger(request, plan.error(), core);
  if (!core.binding_limiter.allow(request.from.tuple.client.ip, request.now.mono)) {
    return core.counters.drop_rate_limited.add();
  }
  send_binding(request, *plan, nullptr, core);
}

void respond_authenticated_binding(const AuthenticatedRequest& request, Core& core) {
  const auto plan = plan_binding(request, core);
  if (!plan) return send_rejection(request, plan.error(), core);
  send_binding(request, *plan, request.identity(), core);
}

void respond_stranger(const Request& request, const Reject& rejection, Core& core) {
  if (!core.error_limiter.allow(request.from.tuple.client.ip, request.now.mono)) {
    return core.counters.drop_rate_limited.add();
  }
  Reply reply(request, core, Class::error);
  add_error(rejection, core, reply.builder());
  if (reply.send_sealed_by(nullptr)) {
    count_error(rejection.code, request.message.method(), core.counters);
  }
}

void respond_challenge(const Request& request, ErrorCode code, const RealmRules& rules,
                       Core& core) {
  if (!core.error_limiter.allow(request.from.tuple.client.ip, request.now.mono)) {
    core.counters.drop_challenge_limited.add();
    return core.counters.drop_rate_limited.add();
  }
  Reply reply(request, core, Class::error);
  MessageBuilder& answer = reply.builder();
  add_error(Reject{code}, core, answer);
  answer.add(AttributeType::realm, rules.policy.realm);
  const auth::SecurityFeatures offered = rules.policy.offered;
  answer.add(AttributeType::nonce,
             core.mint.issue(offered, nonce_holder(request.from.tuple), request.now.wall));
  if (offered.password_algorithms) {
    answer.add_password_algorithms(auth::LongTermPolicy::kAlgorithms);
  }
  // RFC 7635 section 4: clients learn by this whom to ask for a token, and for which server.
  if (!rules.policy.token_server_name.empty()) {
    answer.add(AttributeType::third_party_authorization, rules.policy.token_server_name);
  }
  if (reply.send_sealed_by(nullptr)) count_error(code, request.message.method(), core.counters);
}

}  // namespace turnpike::turn
