// Binding: RFC 8489 section 3 for today's clients, with RFC 5780 for those that ask about their
// NAT.
#include "turn/binding.h"

#include <algorithm>
#include <limits>

#include "stun/attributes.h"
#include "turn/core.h"
#include "turn/respond.h"

namespace turnpike::turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;

constexpr size_t kAttributeHeader = 4;

// MAPPED-ADDRESS and all that have its form.
size_t address_size(const Endpoint& address) {
  return kAttributeHeader + 4 + address.ip.wire_bytes().size();
}

// What of RFC 5780 a request asks for, and whether that is ours to give.
struct Wishes {
  bool padding = false;
  stun::ChangeRequest change{};
  std::optional<uint16_t> response_port;
  bool malformed = false;

  [[nodiscard]] bool wants_change() const { return change.change_ip || change.change_port; }
};

Wishes read_wishes(const stun::MessageView& message) {
  Wishes wishes;
  wishes.padding = message.has(AttributeType::padding);
  if (const auto value = message.find(AttributeType::change_request)) {
    const auto change = stun::decode_change_request(*value);
    wishes.malformed |= !change;
    wishes.change = change.value_or(stun::ChangeRequest());
  }
  if (const auto value = message.find(AttributeType::response_port)) {
    wishes.response_port = stun::decode_response_port(*value);
    // Nothing can be sent to port 0.
    wishes.malformed |= wishes.response_port.value_or(0) == 0;
    // Section 7.5: together they would make somebody else's port a target of large packets.
    wishes.malformed |= wishes.padding;
  }
  return wishes;
}

// Section 6: without a second address every CHANGE-REQUEST is refused. A stream or a DTLS channel
// has two ends, and an answer from or to elsewhere would not belong to it.
void remove_served(const Wishes& wishes, const std::optional<SquarePosition>& position,
                   Transport transport, std::vector<AttributeType>& unknown) {
  const bool is_udp = transport == Transport::udp;
  std::erase(unknown, AttributeType::padding);
  if (is_udp) std::erase(unknown, AttributeType::response_port);
  if (position && (is_udp || !wishes.wants_change())) {
    std::erase(unknown, AttributeType::change_request);
  }
}

}  // namespace

AnswerPath path_back(const ClientRoute& from) {
  return {from.link, from.tuple.client, from.tuple.server.ip};
}

Result<BindingPlan, Reject> plan_binding(const Request& request, const Core& core) {
  const stun::MessageView message = request.message.covered_by_integrity();
  std::vector<AttributeType> unknown = unknown_attributes(message, core);
  const FiveTuple& tuple = request.from.tuple;
  const BehaviorDiscovery* discovery = core.settings->discovery.get();
  BindingPlan plan;
  plan.path = path_back(request.from);
  if (discovery == nullptr || !discovery->rfc5780) {
    if (!unknown.empty()) return unexpected(Reject{ErrorCode::unknown_attribute, unknown});
    return plan;
  }
  const auto position = discovery->find(tuple.server);
  const Wishes wishes = read_wishes(message);
  remove_served(wishes, position, tuple.transport, unknown);
  if (!unknown.empty()) return unexpected(Reject{ErrorCode::unknown_attribute, unknown});
  if (wishes.malformed) return reject(ErrorCode::bad_request);

  plan.reports_addresses = true;
  plan.origin = discovery->advertised(tuple.server);
  plan.padding = wishes.padding;
  if (position) plan.other = position->opposite().advertised;
  if (wishes.wants_change()) {
    const Corner& from = position->changed(wishes.change);
    plan.origin = from.advertised;
    plan.path.link = from.link;
    plan.path.server_ip = from.local.ip;
  }
  if (wishes.response_port && *wishes.response_port != tuple.client.port) {
    plan.path.client.port = *wishes.response_port;
    plan.redirected = true;
  }
  return plan;
}

size_t bare_answer_size(const Request& request) {
  return stun::kHeaderSize + address_size(request.from.tuple.client);
}

void write_binding(const Request& request, const BindingPlan& plan, const Core& core,
                   SizeBound bound, stun::MessageBuilder& success) {
  const Endpoint& client = request.from.tuple.client;
  success.add_xor_address(AttributeType::xor_mapped_address, client);
  if (!plan.reports_addresses) {
    if (core.settings->add_mapped_address) {
      success.add_address(AttributeType::mapped_address, client);
    }
    return;
  }
  // Deviation: section 6.1 has all three in every answer. What PADDING and RESPONSE-PORT draw from
  // us for a stranger must not be more than he sent, so there they stand as far as there is room
  // (BehaviorDiscoveryTest.PaddingDrawsNoMoreThanWasSent). The bare answer is what anybody gets.
  size_t left = std::numeric_limits<size_t>::max();
  if (bound.limited && (plan.padding || plan.redirected)) {
    const size_t bare = bare_answer_size(request) + bound.tail;
    const size_t received = request.message.bytes().size();
    left = received > bare ? received - bare : 0;
  }
  const auto add = [&](AttributeType type, const Endpoint& address) {
    if (address_size(address) > left) return;
    success.add_address(type, address);
    left -= address_size(address);
  };
  add(AttributeType::mapped_address, client);
  add(AttributeType::response_origin, plan.origin);
  if (plan.other) add(AttributeType::other_address, *plan.other);
  if (!plan.padding || left < kAttributeHeader) return;
  const size_t size = std::min(left - kAttributeHeader, kPaddingSize) / 4 * 4;
  const ByteSpan padding = success.claim(AttributeType::padding, size);
  std::fill(padding.begin(), padding.end(), uint8_t{0});
}

}  // namespace turnpike::turn
