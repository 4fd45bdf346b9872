#include "stun/message.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/wire.h"
#include "stun/builder.h"
#include "stun/fingerprint.h"
#include "support/allocation_guard.h"
#include "support/hex.h"
#include "support/messages.h"

namespace turnpike::stun {
namespace {

using testing::Bytes;
using testing::bytes_from_hex;
using testing::make_message;
using testing::make_request;
using testing::parsed;
using testing::transaction;

constexpr std::string_view kHeader = "0001 0000 2112a442 000102030405060708090a0b";

// A Binding request with these attribute bytes.
Bytes with_attributes(std::string_view hex) {
  Bytes bytes = bytes_from_hex(kHeader);
  const auto attributes = bytes_from_hex(hex);
  bytes.insert(bytes.end(), attributes.begin(), attributes.end());
  WireWriter(ByteSpan(bytes).subspan(2)).u16(static_cast<uint16_t>(attributes.size()));
  return bytes;
}

std::string error_of(ByteView bytes) {
  const auto message = MessageView::parse(bytes);
  if (message) return "none";
  switch (message.error()) {
    case ParseError::too_short:
      return "too_short";
    case ParseError::not_stun:
      return "not_stun";
    case ParseError::bad_length:
      return "bad_length";
    case ParseError::no_cookie:
      return "no_cookie";
    case ParseError::bad_attribute:
      return "bad_attribute";
    case ParseError::bad_fingerprint:
      return "bad_fingerprint";
  }
  return "?";
}

TEST(Message, HeaderAloneIsAMessage) {
  const auto bytes = bytes_from_hex(kHeader);
  const MessageView message = parsed(bytes);
  EXPECT_EQ(message.method(), Method::binding);
  EXPECT_EQ(message.message_class(), Class::request);
  EXPECT_EQ(to_hex(message.transaction_id()), "000102030405060708090a0b");
  EXPECT_EQ(to_hex(message.cookie_and_transaction_id()), "2112a442000102030405060708090a0b");
  EXPECT_TRUE(message.begin() == message.end());
  EXPECT_EQ(message.bytes().data(), bytes.data());
}

TEST(Message, RefusesEachKindOfWrongHeader) {
  struct Case {
    std::string_view hex;
    std::string_view error;
  };
  for (const Case& c : {
           Case{"", "too_short"},
           Case{"00", "too_short"},
           Case{"0001 0000 2112a442 000102030405060708090a", "too_short"},
           Case{"4001 0000 2112a442 000102030405060708090a0b", "not_stun"},
           Case{"8001 0000 2112a442 000102030405060708090a0b", "not_stun"},
           Case{"c001 0000 2112a442 000102030405060708090a0b", "not_stun"},
           Case{"0001 0000 2112a443 000102030405060708090a0b", "no_cookie"},
           Case{"0001 0000 00000000 000102030405060708090a0b", "no_cookie"},
           Case{"0001 0004 2112a442 000102030405060708090a0b", "bad_length"},
           Case{"0001 0000 2112a442 000102030405060708090a0b 00", "bad_length"},
           Case{"0001 0000 2112a442 000102030405060708090a0b 80220000", "bad_length"},
           Case{"0001 0001 2112a442 000102030405060708090a0b 00", "bad_length"},
           Case{"0001 0002 2112a442 000102030405060708090a0b 8022", "bad_length"},
           Case{"0001 0003 2112a442 000102030405060708090a0b 802200", "bad_length"},
           Case{"0001 ffff 2112a442 000102030405060708090a0b", "bad_length"},
       }) {
    EXPECT_EQ(error_of(bytes_from_hex(c.hex)), c.error) << c.hex;
  }
}

TEST(Message, RefusesEveryTruncation) {
  const Bytes bytes = make_request(Method::allocate, [](MessageBuilder& builder) {
    builder.add(AttributeType::software, "abcde");
    builder.add_requested_transport(17);
    builder.add_fingerprint();
  });
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(error_of(ByteView(bytes).first(size)), "none") << size;
  }
}

TEST(Message, RefusesAnAttributeThatRunsPastTheEnd) {
  for (const std::string_view hex : {
           "8022 0001",           // Nothing after the header.
           "8022 0005 61626364",  // Value cut.
           "8022 ffff 61626364",
           "8022 0000 8022 0004",          // The second one.
           "8022 0009 61626364 65666768",  // Only the padding is missing.
           // With their padding these would be nothing in sixteen bits, and what follows is whole.
           "8022 fffd",
           "8022 ffff",
           "8022 fffe  8022 0004 61626364",
       }) {
    EXPECT_EQ(error_of(with_attributes(hex)), "bad_attribute") << hex;
  }
}

TEST(Message, ReadsTypeAndClassFromTheirMixedBits) {
  for (unsigned type = 0; type < 0x4000; ++type) {
    auto bytes = bytes_from_hex(kHeader);
    WireWriter(bytes).u16(static_cast<uint16_t>(type));
    const MessageView message = parsed(bytes);
    ASSERT_EQ(message_type(message.method(), message.message_class()), type);
  }
  // RFC 8489 section 5 has these as its examples.
  EXPECT_EQ(message_type(Method::binding, Class::request), 0x0001);
  EXPECT_EQ(message_type(Method::binding, Class::success), 0x0101);
  EXPECT_EQ(message_type(Method::binding, Class::indication), 0x0011);
  EXPECT_EQ(message_type(Method::binding, Class::error), 0x0111);
  EXPECT_EQ(message_type(static_cast<Method>(0xfff), Class::error), 0x3fff);
}

TEST(Message, IteratesOverTheAttributesInOrder) {
  const auto bytes = with_attributes("8022 0003 61626300  0006 0000  0013 0004 01020304");
  std::vector<std::string> seen;
  std::vector<size_t> offsets;
  for (const Attribute& attribute : parsed(bytes)) {
    seen.push_back(std::string(name(attribute.type)) + "=" + to_hex(attribute.value));
    offsets.push_back(attribute.offset);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"SOFTWARE=616263", "USERNAME=", "DATA=01020304"}));
  EXPECT_EQ(offsets, (std::vector<size_t>{20, 28, 32}));
}

TEST(Message, PaddingMayHoldAnything) {
  const auto bytes = with_attributes("8022 0003 616263ff  0013 0001 01eeeeee");
  EXPECT_EQ(as_text(parsed(bytes).find(AttributeType::software).value()), "abc");
  EXPECT_EQ(to_hex(parsed(bytes).find(AttributeType::data).value()), "01");
}

TEST(Message, OfDuplicatesTheFirstCounts) {
  const auto bytes = with_attributes("000d 0004 00000001  000d 0004 00000002");
  EXPECT_EQ(decode_u32(parsed(bytes).find(AttributeType::lifetime).value()), 1U);
  EXPECT_EQ(parsed(bytes).find_attribute(AttributeType::lifetime)->offset, 20U);
}

// A datagram that was cut out of a joined receive begins anywhere; under UBSAN a read that asks for
// an alignment fails this.
TEST(Message, ReadsTheSameAtEveryAddress) {
  const auto request = make_request(Method::allocate, [](auto& b) {
    b.add(AttributeType::software, as_bytes("odd"));
    b.add_u32(AttributeType::lifetime, 0x01020304);
    b.add_xor_address(AttributeType::xor_peer_address, {Ip::v4(0x08080808), 9});
    b.add_fingerprint();
  });
  std::vector<uint8_t> room(request.size() + 16);
  for (size_t at = 0; at < 16; ++at) {
    std::copy(request.begin(), request.end(), room.begin() + static_cast<ptrdiff_t>(at));
    const MessageView message = parsed(ByteView(room).subspan(at, request.size()));
    EXPECT_EQ(decode_u32(message.find(AttributeType::lifetime).value()), 0x01020304U) << at;
    EXPECT_EQ(decode_xor_address(message.find(AttributeType::xor_peer_address).value(),
                                 message.transaction_id()),
              (Endpoint{Ip::v4(0x08080808), 9}))
        << at;
    EXPECT_TRUE(message.has_fingerprint()) << at;
  }
}

TEST(Message, FindsNothingThatIsNotThere) {
  const auto bytes = with_attributes("000d 0004 00000001");
  EXPECT_FALSE(parsed(bytes).find(AttributeType::nonce).has_value());
  EXPECT_FALSE(parsed(bytes).has(AttributeType::nonce));
  EXPECT_FALSE(parsed(bytes).find_attribute(AttributeType::nonce).has_value());
  EXPECT_TRUE(parsed(bytes).has(AttributeType::lifetime));
}

TEST(Message, LimitHidesWhatStandsAtOrAfterIt) {
  const auto bytes = with_attributes("000d 0004 00000001  0006 0000  0014 0004 61626364");
  const MessageView message = parsed(bytes);
  struct Case {
    size_t offset;
    int visible;
  };
  // Offsets within an attribute are no border; the attribute itself begins before them.
  for (const Case& c : {Case{0, 0}, Case{20, 0}, Case{21, 1}, Case{27, 1}, Case{28, 1}, Case{29, 2},
                        Case{32, 2}, Case{33, 3}, Case{40, 3}, Case{1000, 3}}) {
    int count = 0;
    for ([[maybe_unused]] const Attribute& attribute : message.limit_to(c.offset)) ++count;
    EXPECT_EQ(count, c.visible) << c.offset;
  }
  EXPECT_FALSE(message.limit_to(28).has(AttributeType::username));
  EXPECT_TRUE(message.limit_to(32).has(AttributeType::username));
}

TEST(Message, LimitOnlyNarrows) {
  const auto bytes = with_attributes("000d 0004 00000001  0006 0000");
  const MessageView limited = parsed(bytes).limit_to(20);
  EXPECT_FALSE(limited.limit_to(1000).has(AttributeType::lifetime));
}

TEST(Message, LimitedViewKeepsTheWholeBytes) {
  const auto bytes = with_attributes("000d 0004 00000001");
  EXPECT_EQ(parsed(bytes).limit_to(20).bytes().size(), bytes.size());
}

TEST(Message, AcceptsARightFingerprintOnly) {
  Bytes bytes = make_request(Method::binding, [](MessageBuilder& builder) {
    builder.add(AttributeType::software, "x");
    builder.add_fingerprint();
  });
  EXPECT_EQ(error_of(bytes), "none");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    // Some changes hide it: another type, or an attribute before it that becomes longer.
    const auto message = MessageView::parse(bytes);
    EXPECT_FALSE(message && message->has(AttributeType::fingerprint)) << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
  }
}

TEST(Message, RefusesAFingerprintThatIsRightButNotLast) {
  auto bytes = with_attributes("8028 0004 00000000  8022 0004 61626364");
  WireWriter(ByteSpan(bytes).subspan(24)).u32(fingerprint_of(ByteView(bytes).first(20)));
  EXPECT_EQ(error_of(bytes), "bad_fingerprint");
}

TEST(Message, RefusesAFingerprintThatIsNotLastOrNotFourBytes) {
  const Bytes not_last = make_request(Method::binding, [](MessageBuilder& builder) {
    builder.add_fingerprint();
    builder.add(AttributeType::software, "x");
  });
  EXPECT_EQ(error_of(not_last), "bad_fingerprint");
  const Bytes twice = make_request(Method::binding, [](MessageBuilder& builder) {
    builder.add_fingerprint();
    builder.add_fingerprint();
  });
  EXPECT_EQ(error_of(twice), "bad_fingerprint");
  EXPECT_EQ(error_of(with_attributes("8028 0000")), "bad_fingerprint");
  EXPECT_EQ(error_of(with_attributes("8028 0003 01020300")), "bad_fingerprint");
  EXPECT_EQ(error_of(with_attributes("8028 0008 0102030405060708")), "bad_fingerprint");
}

TEST(Message, ClassicFormNeedsNoCookie) {
  auto bytes = bytes_from_hex("0001 0008 00112233445566778899aabbccddeeff 0003 0004 00000006");
  EXPECT_EQ(error_of(bytes), "no_cookie");
  const auto message = MessageView::parse_classic(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->method(), Method::binding);
  EXPECT_EQ(to_hex(message->cookie_and_transaction_id()), "00112233445566778899aabbccddeeff");
  EXPECT_TRUE(message->has(AttributeType::change_request));
}

TEST(Message, ClassicFormIsCheckedOtherwise) {
  struct Case {
    std::string_view hex;
    ParseError error;
  };
  for (const Case& c : {
           Case{"0001 0000", ParseError::too_short},
           Case{"4001 0000 00112233445566778899aabbccddeeff", ParseError::not_stun},
           Case{"0001 0004 00112233445566778899aabbccddeeff", ParseError::bad_length},
           Case{"0001 0004 00112233445566778899aabbccddeeff 00030004", ParseError::bad_attribute},
       }) {
    const auto message = MessageView::parse_classic(bytes_from_hex(c.hex));
    ASSERT_FALSE(message.has_value()) << c.hex;
    EXPECT_EQ(message.error(), c.error) << c.hex;
  }
}

TEST(Message, HoldsAsManyAttributesAsTheLengthFieldAllows) {
  const Bytes bytes = make_message(Method::binding, Class::request, transaction(1), {});
  Bytes big = bytes;
  for (int i = 0; i < 65532 / 4; ++i) {
    const auto empty = bytes_from_hex("80220000");
    big.insert(big.end(), empty.begin(), empty.end());
  }
  WireWriter(ByteSpan(big).subspan(2)).u16(65532);
  size_t count = 0;
  for ([[maybe_unused]] const Attribute& attribute : parsed(big)) ++count;
  EXPECT_EQ(count, 65532U / 4);
}

TEST(Message, ParsingDoesNotAllocate) {
  const Bytes bytes = make_request(Method::binding, [](MessageBuilder& builder) {
    builder.add(AttributeType::username, "alice");
    builder.add_fingerprint();
  });
  const testing::AllocationGuard guard;
  const MessageView message = parsed(bytes);
  EXPECT_TRUE(message.limit_to(28).has(AttributeType::username));
  EXPECT_EQ(guard.news(), 0U);
}

}  // namespace
}  // namespace turnpike::stun
