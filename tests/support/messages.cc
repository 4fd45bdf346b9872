#include "support/messages.h"

#include <array>

#include "base/check.h"
#include "base/wire.h"

namespace turnpike::testing {

stun::TransactionId transaction(uint64_t number) {
  stun::TransactionId id;
  WireWriter writer(id);
  writer.u32(0x7e577e57);
  writer.u64(number);
  return id;
}

Bytes make_message(stun::Method method, stun::Class message_class, const stun::TransactionId& id,
                   const AddAttributes& add) {
  // The longest message there is.
  Bytes buffer(stun::kHeaderSize + 65532, 0xee);
  stun::MessageBuilder builder(buffer, method, message_class, id);
  if (add) add(builder);
  const ByteView message = builder.finish();
  CHECK(!message.empty());
  return {message.begin(), message.end()};
}

Bytes make_request(stun::Method method, const Credentials& who, const AddAttributes& add,
                   const stun::TransactionId& id) {
  return make_message(method, stun::Class::request, id, [&](stun::MessageBuilder& builder) {
    if (add) add(builder);
    builder.add(stun::AttributeType::username, who.username);
    builder.add(stun::AttributeType::realm, who.realm);
    builder.add(stun::AttributeType::nonce, who.nonce);
    if (who.kind == stun::IntegrityKind::sha1) {
      builder.add_integrity_sha1(stun::long_term_key_md5(who.username, who.realm, who.password));
    } else {
      builder.add_integrity_sha256(
          stun::long_term_key_sha256(who.username, who.realm, who.password));
    }
  });
}

stun::MessageView parsed(ByteView bytes) {
  const auto view = stun::MessageView::parse(bytes);
  CHECK(view.has_value());
  return *view;
}

}  // namespace turnpike::testing
