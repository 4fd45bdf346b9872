// Binding in the form of RFC 3489, for those that ask for it.
#include "stun/attributes.h"
#include "turn/binding.h"
#include "turn/core.h"
#include "turn/respond.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;

std::optional<SquarePosition> position_of(const Request& request, const Core& core) {
  const BehaviorDiscovery* discovery = core.settings->discovery.get();
  return discovery == nullptr ? std::nullopt : discovery->find(request.from.tuple.server);
}

stun::ChangeRequest change_in(const stun::MessageView& message) {
  const auto value = message.find(AttributeType::change_request);
  const auto change = value ? stun::decode_change_request(*value) : std::nullopt;
  return change.value_or(stun::ChangeRequest());
}

// RFC 3489 section 8.1: a client may ask to be answered from elsewhere (CHANGE-REQUEST), or even to
// somewhere else (RESPONSE-ADDRESS). Answered from here it would take its NAT for more open than it
// is, so what we cannot do is said. A CHANGE-REQUEST that asks for nothing is no request.
std::vector<AttributeType> unserved_attributes(const Request& request,
                                               const std::optional<SquarePosition>& position,
                                               const Core& core) {
  std::vector<AttributeType> unserved = unknown_attributes(request.message, core);
  const auto value = request.message.find(AttributeType::change_request);
  const auto change = value ? stun::decode_change_request(*value) : std::nullopt;
  const bool can_change = position && request.from.tuple.transport == Transport::udp;
  if (change && (can_change || (!change->change_ip && !change->change_port))) {
    std::erase(unserved, AttributeType::change_request);
  }
  // Section 11.2.10: the list is repeated into a whole number of words.
  if (unserved.size() % 2 != 0) unserved.push_back(unserved.back());
  return unserved;
}

// Section 8.1's table; the way to the client in `path`.
void add_addresses(const Request& request, const Core& core,
                   const std::optional<SquarePosition>& position, stun::MessageBuilder& answer,
                   AnswerPath& path) {
  answer.add_address(AttributeType::mapped_address, request.from.tuple.client);
  if (!position) {
    const Endpoint& local = request.from.tuple.server;
    const BehaviorDiscovery* discovery = core.settings->discovery.get();
    answer.add_address(AttributeType::source_address,
                       discovery == nullptr ? local : discovery->advertised(local));
    return;
  }
  const stun::ChangeRequest change = change_in(request.message);
  const Corner& from = position->changed(change);
  answer.add_address(AttributeType::source_address, from.advertised);
  answer.add_address(AttributeType::changed_address, position->opposite().advertised);
  if (!change.change_ip && !change.change_port) return;
  path.link = from.link;
  path.server_ip = from.local.ip;
}

}  // namespace

void answer_classic_binding(const Request& request, Core& core) {
  Counters& counters = core.counters;
  counters.binding_requests.add();
  counters.by.requests.add(stun::Method::binding);
  const auto position = position_of(request, core);
  const auto unserved = unserved_attributes(request, position, core);
  ReplyLimiter& limiter = unserved.empty() ? core.binding_limiter : core.error_limiter;
  if (!limiter.allow(request.from.tuple.client.ip, request.now.mono)) {
    return counters.drop_rate_limited.add();
  }
  const ByteSpan room = request.out.claim(kMaxReplySize);
  if (room.empty()) return counters.drop_outbox_full.add();
  auto answer = stun::MessageBuilder::classic(
      room, stun::Method::binding, unserved.empty() ? stun::Class::success : stun::Class::error,
      request.message.cookie_and_transaction_id().first<16>());
  AnswerPath path = path_back(request.from);
  if (unserved.empty()) {
    add_addresses(request, core, position, answer, path);
  } else {
    answer.add_error(stun::ErrorCode::unknown_attribute);
    answer.add_unknown_attributes(unserved);
  }
  const ByteView bytes = answer.finish();
  request.out.give_back(room.size() - bytes.size());
  if (unserved.empty()) {
    counters.binding_successes.add();
    counters.by.successes.add(stun::Method::binding);
  } else {
    counters.errors.add();
    counters.binding_errors.add();
    counters.by.errors.add(stun::ErrorCode::unknown_attribute);
  }
  request.out.to_client.push_back(
      {path.link, path.client, path.server_ip, bytes, {}, Precious::yes});
}

}  // namespace turnpike::turn
