// Binding: RFC 8489 section 3 for today's clients, RFC 3489 for those that ask for it.
#include "stun/attributes.h"
#include "turn/core.h"
#include "turn/respond.h"

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

namespace {

// RFC 3489 section 8.1: a client may ask to be answered from elsewhere (CHANGE-REQUEST), or even to
// somewhere else (RESPONSE-ADDRESS). Answered from here it would take its NAT for more open than it
// is, so what we cannot do is said. A CHANGE-REQUEST that asks for nothing is no request.
std::vector<AttributeType> unserved_attributes(const stun::MessageView& message) {
  std::vector<AttributeType> unserved = unknown_attributes(message);
  const auto value = message.find(AttributeType::change_request);
  const auto change = value ? stun::decode_change_request(*value) : std::nullopt;
  if (change && !change->change_ip && !change->change_port) {
    std::erase(unserved, AttributeType::change_request);
  }
  // Section 11.2.10: the list is repeated into a whole number of words.
  if (unserved.size() % 2 != 0) unserved.push_back(unserved.back());
  return unserved;
}

}  // namespace

void answer_classic_binding(const Request& request, Core& core) {
  Counters& counters = core.counters;
  counters.binding_requests.add();
  if (!core.binding_limiter.allow(request.from.tuple.client.ip, request.now.mono)) {
    return counters.drop_rate_limited.add();
  }
  const auto unserved = unserved_attributes(request.message);
  const ByteSpan room = request.out.claim(kMaxReplySize);
  if (room.empty()) return counters.drop_outbox_full.add();
  auto answer = stun::MessageBuilder::classic(
      room, stun::Method::binding, unserved.empty() ? stun::Class::success : stun::Class::error,
      request.message.cookie_and_transaction_id().first<16>());
  if (unserved.empty()) {
    // CHANGED-ADDRESS would promise a second address, and there is none.
    answer.add_address(AttributeType::mapped_address, request.from.tuple.client);
    answer.add_address(AttributeType::source_address, request.from.tuple.server);
  } else {
    answer.add_error(stun::ErrorCode::unknown_attribute);
    answer.add_unknown_attributes(unserved);
  }
  const ByteView bytes = answer.finish();
  request.out.give_back(room.size() - bytes.size());
  (unserved.empty() ? counters.binding_successes : counters.errors).add();
  request.out.to_client.push_back({request.from.link,
                                   request.from.tuple.client,
                                   request.from.tuple.server.ip,
                                   bytes,
                                   {},
                                   Precious::yes});
}

}  // namespace turnpike::turn
