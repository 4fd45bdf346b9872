// ConnectBack: the server opens a TCP connection to whoever asked for it, so that he learns what
// his NAT lets in. Of RFC 5780 it borrows CHANGE-REQUEST and RESPONSE-PORT.
#include "stun/connect_back.h"

#include "stun/attributes.h"
#include "turn/core.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;

ReplyBuckets& connect_back_buckets(Core& core) {
  if (core.services.connect_backs != nullptr) return *core.services.connect_backs;
  if (!core.own_connect_backs) {
    core.own_connect_backs = std::make_unique<ReplyBuckets>(core.services.random.hash_key());
  }
  return *core.own_connect_backs;
}

// Behind one address there may be many users, and a user may have many addresses: each of them has
// his limit.
bool may_connect_back(const AuthenticatedRequest& request, Core& core) {
  constexpr ReplyLimit kLimit{kConnectBacksPerSecond, kConnectBacksBurst};
  ReplyBuckets& buckets = connect_back_buckets(core);
  const Instant now = request.now.mono;
  return buckets.spend(request.from.tuple.client.ip, kLimit, now) &&
         buckets.spend(as_bytes(request.quota_user()), kLimit, now);
}

}  // namespace

bool serves_connect_back(const Core& core) {
  // Without users there is nobody to answer for it.
  return core.settings->tcp_connect_back && core.settings->auth != AuthMode::none;
}

Outcome handle_connect_back(const AuthenticatedRequest& request, Core& core,
                            stun::MessageBuilder& success) {
  const FiveTuple& tuple = request.from.tuple;
  ConnectBack wanted{.target = tuple.client, .source = tuple.server.ip};
  if (const auto value = request.message.find(AttributeType::response_port)) {
    wanted.target.port = stun::decode_response_port(*value).value_or(0);
    if (wanted.target.port == 0) return reject(ErrorCode::bad_request);
  }
  if (const auto value = request.message.find(AttributeType::change_request)) {
    const auto change = stun::decode_change_request(*value);
    if (!change) return reject(ErrorCode::bad_request);
    // The port is another one anyway.
    if (change->change_ip) {
      const BehaviorDiscovery* discovery = core.settings->discovery.get();
      const auto position =
          discovery != nullptr ? discovery->find(tuple.server) : std::optional<SquarePosition>();
      if (!position) {
        return unexpected(Reject{ErrorCode::unknown_attribute, {AttributeType::change_request}});
      }
      wanted.source = position->opposite().local.ip;
    }
  }
  if (!may_connect_back(request, core)) return reject(ErrorCode::insufficient_capacity);
  success.add_xor_address(AttributeType::xor_mapped_address, wanted.target);
  request.out.effects.emplace_back(wanted);
  return Done{};
}

}  // namespace turnpike::turn
