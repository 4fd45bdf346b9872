// Binding: RFC 8489 section 3 for today's clients, RFC 3489 for those that ask for it.
#include "turn/core.h"

namespace turnpike::turn {

using stun::AttributeType;

Outcome handle_binding(const Request& request, Core& core, stun::MessageBuilder& success) {
  const Endpoint& client = request.from.tuple.client;
  success.add_xor_address(AttributeType::xor_mapped_address, client);
  if (core.settings->add_mapped_address) {
    success.add_address(AttributeType::mapped_address, client);
  }
  return Done{};
}

void answer_classic_binding(const Request& request, Core& core) {
  Counters& counters = core.counters;
  counters.binding_requests.add();
  if (!core.binding_limiter.allow(request.from.tuple.client.ip, request.now.mono)) {
    return counters.drop_rate_limited.add();
  }
  const ByteSpan room = request.out.claim(kMaxReplySize);
  if (room.empty()) return counters.drop_outbox_full.add();
  auto answer = stun::MessageBuilder::classic(
      room, stun::Method::binding, stun::Class::success,
      request.message.cookie_and_transaction_id().first<16>());
  // RFC 3489 section 8.1. CHANGED-ADDRESS would promise a second address, and there is none.
  answer.add_address(AttributeType::mapped_address, request.from.tuple.client);
  answer.add_address(AttributeType::source_address, request.from.tuple.server);
  const ByteView bytes = answer.finish();
  request.out.give_back(room.size() - bytes.size());
  counters.binding_successes.add();
  request.out.to_client.push_back({request.from.link, request.from.tuple.client,
                                   request.from.tuple.server.ip, bytes, {}, Precious::yes});
}

}  // namespace turnpike::turn
