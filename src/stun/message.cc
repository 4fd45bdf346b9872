#include "stun/message.h"

#include <algorithm>

#include "base/wire.h"
#include "stun/fingerprint.h"

namespace turnpike::stun {
namespace {

constexpr size_t padded(size_t size) {
  return (size + 3) & ~size_t{3};
}

}  // namespace

Result<MessageView, ParseError> MessageView::parse(ByteView bytes) {
  if (bytes.size() < kHeaderSize) return unexpected(ParseError::too_short);
  WireReader reader(bytes.subspan(4));
  if ((bytes[0] & 0xc0) != 0) return unexpected(ParseError::not_stun);
  if (reader.u32() != kMagicCookie) return unexpected(ParseError::no_cookie);
  auto view = parse_body(bytes);
  if (!view) return view;

  // RFC 8489 section 14.7: the last attribute, over everything before it.
  if (const auto fingerprint = view->find_attribute(AttributeType::fingerprint)) {
    const bool last = fingerprint->offset + 8 == bytes.size();
    if (!last || fingerprint->value.size() != 4) return unexpected(ParseError::bad_fingerprint);
    WireReader value(fingerprint->value);
    if (value.u32() != fingerprint_of(bytes.first(fingerprint->offset))) {
      return unexpected(ParseError::bad_fingerprint);
    }
    view->has_fingerprint_ = true;
  }
  return view;
}

Result<MessageView, ParseError> MessageView::parse_classic(ByteView bytes) {
  if (bytes.size() < kHeaderSize) return unexpected(ParseError::too_short);
  if ((bytes[0] & 0xc0) != 0) return unexpected(ParseError::not_stun);
  return parse_body(bytes);
}

Result<MessageView, ParseError> MessageView::parse_body(ByteView bytes) {
  WireReader reader(bytes);
  const uint16_t type = reader.u16();
  const uint16_t length = reader.u16();
  if (length % 4 != 0 || kHeaderSize + length != bytes.size()) {
    return unexpected(ParseError::bad_length);
  }
  reader.skip(16);
  // RFC 8489 section 14: each attribute is padded to a multiple of four bytes.
  while (reader.ok() && reader.remaining() > 0) {
    reader.skip(2);
    const uint16_t size = reader.u16();
    reader.skip(padded(size));
  }
  if (!reader.ok()) return unexpected(ParseError::bad_attribute);

  // RFC 8489 section 5: the class bits stand between the bits of the method.
  const auto message_class = static_cast<Class>((type >> 4 & 1) | (type >> 7 & 2));
  const auto method =
      static_cast<Method>((type & 0x000f) | (type >> 1 & 0x0070) | (type >> 2 & 0x0f80));
  return MessageView(bytes, method, message_class);
}

TransactionId MessageView::transaction_id() const {
  TransactionId id;
  std::copy_n(bytes_.begin() + 8, id.size(), id.begin());
  return id;
}

Attribute MessageView::Iterator::operator*() const {
  WireReader reader(bytes_.subspan(at_));
  const auto type = static_cast<AttributeType>(reader.u16());
  const uint16_t size = reader.u16();
  return {type, reader.bytes(size), at_};
}

MessageView::Iterator& MessageView::Iterator::operator++() {
  at_ += 4 + padded((**this).value.size());
  return *this;
}

std::optional<Attribute> MessageView::find_attribute(AttributeType type) const {
  for (const Attribute& attribute : *this) {
    if (attribute.type == type) return attribute;
  }
  return {};
}

std::optional<ByteView> MessageView::find(AttributeType type) const {
  const auto attribute = find_attribute(type);
  if (!attribute) return {};
  return attribute->value;
}

MessageView MessageView::covered_by_integrity() const {
  for (const Attribute& attribute : *this) {
    if (attribute.type == AttributeType::message_integrity ||
        attribute.type == AttributeType::message_integrity_sha256) {
      return limit_to(attribute.offset);
    }
  }
  return *this;
}

MessageView MessageView::limit_to(size_t offset) const {
  // The end must fall between two attributes, or iteration would step over it.
  MessageView limited = *this;
  for (const Attribute& attribute : *this) {
    if (attribute.offset < offset) continue;
    limited.end_ = attribute.offset;
    break;
  }
  return limited;
}

}  // namespace turnpike::stun
