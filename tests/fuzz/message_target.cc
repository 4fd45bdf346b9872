// Any bytes: parse, iterate, decode everything as everything, and build the same message again.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "stun/attributes.h"
#include "stun/builder.h"
#include "stun/integrity.h"
#include "stun/message.h"

namespace turnpike::stun {
namespace {

// The decoders must survive any value; which attribute it came from does not matter to them.
void decode_as_everything(ByteView value, const TransactionId& id) {
  (void)decode_address(value);
  (void)decode_xor_address(value, id);
  (void)decode_u32(value);
  (void)decode_u64(value);
  (void)decode_error_code(value);
  (void)decode_channel_number(value);
  (void)decode_even_port(value);
  (void)decode_requested_transport(value);
  (void)decode_address_family(value);
  (void)decode_icmp(value);
  (void)decode_change_request(value);
  (void)decode_response_port(value);
  (void)decode_password_algorithm(value);
  (void)decode_password_algorithms(value);
  (void)decode_unknown_attributes(value);
}

void walk(const MessageView& message) {
  const TransactionId id = message.transaction_id();
  size_t end = kHeaderSize;
  for (const Attribute& attribute : message) {
    CHECK(attribute.offset == end);
    end += 4 + (attribute.value.size() + 3) / 4 * 4;
    decode_as_everything(attribute.value, id);
    const MessageView before = message.limit_to(attribute.offset);
    CHECK(before.end() == MessageView::Iterator(message.bytes(), attribute.offset));
    const auto first = message.find_attribute(attribute.type);
    CHECK(first && first->offset <= attribute.offset);
  }
  CHECK(end == message.bytes().size());
  (void)verify_integrity(message, IntegrityKind::sha1, as_bytes("key"));
  (void)verify_integrity(message, IntegrityKind::sha256, as_bytes("key"));
}

// Everything but the padding must come out as it went in.
void rebuild(const MessageView& message) {
  std::vector<uint8_t> buffer(message.bytes().size(), 0xee);
  MessageBuilder builder(buffer, message.method(), message.message_class(),
                         message.transaction_id());
  for (const Attribute& attribute : message) builder.add(attribute.type, attribute.value);
  const ByteView again = builder.finish();
  CHECK(again.size() == message.bytes().size());
  CHECK(std::equal(again.begin(), again.begin() + kHeaderSize, message.bytes().begin()));
  // A FINGERPRINT also covers the padding, so the copy may have a wrong one: it is parsed as the
  // form that has none.
  const auto parsed = MessageView::parse_classic(again);
  CHECK(parsed);
  auto copy = parsed->begin();
  for (const Attribute& attribute : message) {
    CHECK(copy != parsed->end());
    const Attribute other = *copy;
    CHECK(other.type == attribute.type);
    CHECK(std::equal(other.value.begin(), other.value.end(), attribute.value.begin(),
                     attribute.value.end()));
    ++copy;
  }
  CHECK(copy == parsed->end());
}

void run(ByteView input) {
  const auto message = MessageView::parse(input);
  const auto classic = MessageView::parse_classic(input);
  if (message) {
    CHECK(classic);
    walk(*message);
    rebuild(*message);
  } else if (classic) {
    walk(*classic);
  }
}

}  // namespace
}  // namespace turnpike::stun

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  turnpike::stun::run({data, size});
  return 0;
}
