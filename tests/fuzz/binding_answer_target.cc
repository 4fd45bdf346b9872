// What a client reads from the network: answers to Binding requests, and datagrams with their UDP
// headers from a raw socket. Whatever the strict reader understands the lenient one must read
// alike.
#include "base/check.h"
#include "client/answer.h"
#include "client/binding_exchange.h"
#include "net/raw_udp.h"
#include "stun/message.h"

namespace turnpike::client {
namespace {

bool usable(const std::optional<Endpoint>& address) {
  return address && address->port != 0 && !address->ip.is_unspecified();
}

void compare(ByteView input) {
  const auto answer = parse_binding_answer(input);
  const auto message = stun::MessageView::parse(input);
  if (!message) return;
  const auto xored = xor_address(*message, stun::AttributeType::xor_mapped_address);
  if (message->message_class() == stun::Class::success && usable(xored)) {
    CHECK(answer && answer->error == 0 && answer->public_address() == xored);
  }
  if (message->message_class() == stun::Class::error && error_code(*message) != 0) {
    CHECK(answer && answer->error != 0);
  }
}

void run(ByteView input) {
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    const auto segment = net::parse_udp_segment(input, family);
    if (segment) CHECK(segment->payload.size() <= input.size());
  }
  const auto answered = answered_id(input);
  CHECK(!answered || !asked_id(input));
  if (answered) compare(input);
}

}  // namespace
}  // namespace turnpike::client

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  turnpike::client::run({data, size});
  return 0;
}
