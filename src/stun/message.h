// A STUN message seen in place: syntax only, no policy, no copy.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "stun/types.h"

namespace turnpike::stun {

enum class ParseError : uint8_t {
  too_short,
  not_stun,       // The two leading bits are not zero.
  bad_length,     // The length field is odd, or is not the size of what came.
  no_cookie,      // RFC 3489's form; parse_classic() reads it.
  bad_attribute,  // An attribute runs past the end.
  bad_fingerprint,
};

struct Attribute {
  AttributeType type;
  ByteView value;  // Without padding.
  size_t offset;   // Of the attribute's header, from the start of the message.
};

// Valid as long as the bytes it was parsed from.
class MessageView {
 public:
  // The bytes must be exactly one message. A FINGERPRINT, if there is one, must be right and last
  // (RFC 8489 section 14.7).
  static Result<MessageView, ParseError> parse(ByteView bytes);
  // The same without a magic cookie (RFC 3489).
  static Result<MessageView, ParseError> parse_classic(ByteView bytes);

  [[nodiscard]] Method method() const { return method_; }
  [[nodiscard]] Class message_class() const { return class_; }
  [[nodiscard]] TransactionId transaction_id() const;
  // The 16 bytes after the length, which are all transaction id in RFC 3489.
  [[nodiscard]] ByteView cookie_and_transaction_id() const { return bytes_.subspan(4, 16); }
  [[nodiscard]] ByteView bytes() const { return bytes_; }

  // The first attribute of that type that counts (see limit_to). RFC 8489 section 14: further
  // ones of the same type are ignored.
  [[nodiscard]] std::optional<ByteView> find(AttributeType type) const;
  [[nodiscard]] bool has(AttributeType type) const { return find(type).has_value(); }

  // Where it stands, for the integrity check.
  [[nodiscard]] std::optional<Attribute> find_attribute(AttributeType type) const;

  // A view without the attributes whose headers stand at or after `offset`: what an integrity
  // attribute there covers.
  [[nodiscard]] MessageView limit_to(size_t offset) const;
  // RFC 8489 sections 14.5 and 14.6: a view that ends at the first integrity attribute, if any.
  [[nodiscard]] MessageView covered_by_integrity() const;

  // Whether the message ends in a FINGERPRINT, however far the view is limited.
  [[nodiscard]] bool has_fingerprint() const { return has_fingerprint_; }

  class Iterator {
   public:
    Iterator(ByteView bytes, size_t at) : bytes_(bytes), at_(at) {}
    Attribute operator*() const;
    Iterator& operator++();
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    ByteView bytes_;
    size_t at_;
  };
  [[nodiscard]] Iterator begin() const { return {bytes_, kHeaderSize}; }
  [[nodiscard]] Iterator end() const { return {bytes_, end_}; }

 private:
  MessageView(ByteView bytes, Method method, Class message_class)
      : bytes_(bytes), end_(bytes.size()), method_(method), class_(message_class) {}
  static Result<MessageView, ParseError> parse_body(ByteView bytes);

  ByteView bytes_;
  size_t end_;  // Attributes at or after this offset do not count.
  Method method_;
  Class class_;
  bool has_fingerprint_ = false;
};

}  // namespace turnpike::stun
