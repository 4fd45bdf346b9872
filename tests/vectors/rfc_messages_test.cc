#include "vectors/rfc_messages.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/wire.h"
#include "stun/attributes.h"
#include "stun/builder.h"
#include "stun/integrity.h"
#include "stun/message.h"
#include "support/hex.h"
#include "support/messages.h"

namespace turnpike::stun {
namespace {

using namespace turnpike::testing;

std::string_view text_of(const MessageView& message, AttributeType type) {
  return as_text(message.find(type).value());
}

TEST(Rfc5769, RequestParsesAndVerifies) {
  const auto bytes = bytes_from_hex(kSampleRequest);
  const MessageView message = parsed(bytes);
  EXPECT_EQ(message.method(), Method::binding);
  EXPECT_EQ(message.message_class(), Class::request);
  EXPECT_EQ(to_hex(message.transaction_id()), "b7e7a701bc34d686fa87dfae");
  EXPECT_EQ(text_of(message, AttributeType::software), "STUN test client");
  EXPECT_EQ(text_of(message, AttributeType::username), "evtj:h6vY");
  EXPECT_EQ(decode_u32(*message.find(AttributeType::priority)), 0x6e0001ffU);
  EXPECT_EQ(decode_u64(*message.find(AttributeType::ice_controlled)), 0x932ff9b151263b36U);
  EXPECT_TRUE(message.has(AttributeType::fingerprint));
  EXPECT_TRUE(verify_integrity(message, IntegrityKind::sha1, as_bytes(kShortTermPassword)));
  EXPECT_FALSE(verify_integrity(message, IntegrityKind::sha1, as_bytes("another")));
}

TEST(Rfc5769, ResponsesHoldTheMappedAddress) {
  struct Case {
    std::string_view hex;
    std::string_view address;
  };
  for (const Case& c :
       {Case{kSampleIpv4Response, "192.0.2.1:32853"},
        Case{kSampleIpv6Response, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"}}) {
    const auto bytes = bytes_from_hex(c.hex);
    const MessageView message = parsed(bytes);
    EXPECT_EQ(message.message_class(), Class::success);
    EXPECT_EQ(text_of(message, AttributeType::software), "test vector");
    const auto mapped = decode_xor_address(*message.find(AttributeType::xor_mapped_address),
                                           message.transaction_id());
    ASSERT_TRUE(mapped.has_value());
    EXPECT_EQ(mapped->to_string(), c.address);
    EXPECT_TRUE(verify_integrity(message, IntegrityKind::sha1, as_bytes(kShortTermPassword)));
  }
}

TEST(Rfc5769, LongTermRequestVerifiesWithTheMd5Key) {
  const auto bytes = bytes_from_hex(kSampleLongTermRequest);
  const MessageView message = parsed(bytes);
  EXPECT_EQ(text_of(message, AttributeType::username), kLongTermUsername);
  EXPECT_EQ(text_of(message, AttributeType::realm), kLongTermRealm);
  EXPECT_EQ(text_of(message, AttributeType::nonce), kLongTermNonce);
  const auto key = long_term_key_md5(kLongTermUsername, kLongTermRealm, kLongTermPassword);
  EXPECT_TRUE(verify_integrity(message, IntegrityKind::sha1, key));
}

TEST(Rfc5769, EveryChangedBitIsNoticed) {
  auto bytes = bytes_from_hex(kSampleLongTermRequest);
  const auto key = long_term_key_md5(kLongTermUsername, kLongTermRealm, kLongTermPassword);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(1U << bit % 8);
    bytes[bit / 8] ^= mask;
    const auto message = MessageView::parse(bytes);
    EXPECT_FALSE(message && verify_integrity(*message, IntegrityKind::sha1, key)) << bit;
    bytes[bit / 8] ^= mask;
  }
}

TEST(Rfc5769, BuilderMakesTheLongTermRequestByteForByte) {
  const auto expected = bytes_from_hex(kSampleLongTermRequest);
  const Credentials who = {.username = std::string(kLongTermUsername),
                           .realm = std::string(kLongTermRealm),
                           .nonce = std::string(kLongTermNonce),
                           .password = std::string(kLongTermPassword)};
  const TransactionId id = parsed(expected).transaction_id();
  // The RFC has NONCE before REALM; all else is as make_request() does it.
  const Bytes made =
      make_message(Method::binding, Class::request, id, [&](MessageBuilder& builder) {
        builder.add(AttributeType::username, who.username);
        builder.add(AttributeType::nonce, who.nonce);
        builder.add(AttributeType::realm, who.realm);
        builder.add_integrity_sha1(long_term_key_md5(who.username, who.realm, who.password));
      });
  EXPECT_EQ(to_hex(made), to_hex(expected));
}

TEST(Rfc8489, UserhashRequestIsRefusedAsPrinted) {
  const auto bytes = bytes_from_hex(kSampleUserhashRequest);
  const auto message = MessageView::parse(bytes);
  ASSERT_FALSE(message.has_value());
  EXPECT_EQ(message.error(), ParseError::bad_length);
}

TEST(Rfc8489, UserhashRequestHoldsTheRightHashAndIntegrity) {
  const auto bytes = bytes_from_hex(kSampleUserhashRequest);
  const ByteView all(bytes);
  // The HMAC was made over the printed length, so it is checked here by hand.
  const auto key = long_term_key_sha256(kLongTermUsername, kLongTermRealm, kLongTermPassword);
  EXPECT_EQ(to_hex(hmac_sha256(key, all.first(all.size() - 36))), to_hex(all.last(32)));

  auto corrected = bytes;
  WireWriter(ByteSpan(corrected).subspan(2)).u16(static_cast<uint16_t>(bytes.size() - kHeaderSize));
  const MessageView message = parsed(corrected);
  EXPECT_EQ(to_hex(message.find(AttributeType::userhash).value()),
            to_hex(userhash(kLongTermUsername, kLongTermRealm)));
  EXPECT_EQ(text_of(message, AttributeType::nonce), kUserhashNonce);
  EXPECT_EQ(text_of(message, AttributeType::realm), kLongTermRealm);
  EXPECT_FALSE(verify_integrity(message, IntegrityKind::sha256, key));
}

}  // namespace
}  // namespace turnpike::stun
