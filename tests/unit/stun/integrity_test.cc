#include "stun/integrity.h"

#include <string>

#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/wire.h"
#include "stun/builder.h"
#include "support/allocation_guard.h"
#include "support/hex.h"
#include "support/messages.h"

namespace turnpike::stun {
namespace {

using testing::Bytes;
using testing::bytes_from_hex;
using testing::make_request;
using testing::parsed;

// RFC 2202 section 3 and RFC 4231 section 4.
TEST(Hmac, GivesTheValuesOfItsRfcs) {
  struct Case {
    Bytes key;
    std::string data;
    std::string_view sha1;
    std::string_view sha256;
  };
  for (const Case& c : {
           Case{Bytes(20, 0x0b), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
           Case{bytes_from_hex("4a656665"), "what do ya want for nothing?",
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
           Case{Bytes(20, 0xaa), std::string(50, '\xdd'),
                "125d7342b9ac11cd91a39af48aa17b4f63f175d3",
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
       }) {
    EXPECT_EQ(to_hex(hmac_sha1(c.key, as_bytes(c.data))), c.sha1);
    EXPECT_EQ(to_hex(hmac_sha256(c.key, as_bytes(c.data))), c.sha256);
  }
}

TEST(Hmac, HashesAKeyLongerThanABlock) {
  // RFC 2202 test 6 has an 80-byte key, RFC 4231 test 6 one of 131 bytes.
  const std::string_view data = "Test Using Larger Than Block-Size Key - Hash Key First";
  EXPECT_EQ(to_hex(hmac_sha1(Bytes(80, 0xaa), as_bytes(data))),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, 0xaa), as_bytes(data))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, TwoPartsAreOneText) {
  const Bytes key(16, 7);
  EXPECT_EQ(hmac_sha1(key, as_bytes("ab"), as_bytes("cd")), hmac_sha1(key, as_bytes("abcd")));
  EXPECT_EQ(hmac_sha256(key, as_bytes(""), as_bytes("abcd")), hmac_sha256(key, as_bytes("abcd")));
}

TEST(Hmac, DoesNotAllocateAfterTheFirstCall) {
  const Bytes key(100, 7);
  (void)hmac_sha1(key, key);
  (void)hmac_sha256(key, key);
  const testing::AllocationGuard guard;
  (void)hmac_sha1(key, key);
  (void)hmac_sha256(key, key);
  EXPECT_EQ(guard.news(), 0U);
}

TEST(Digest, GivesTheValuesOfItsRfcs) {
  EXPECT_EQ(to_hex(md5(as_bytes("abc"))), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(to_hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, LongTermKeysJoinTheirPartsWithColons) {
  // RFC 8489 section 9.2.2 has this MD5 example.
  EXPECT_EQ(to_hex(long_term_key_md5("user", "realm", "pass")), "8493fbc53ba582fb4c044c456bdc40eb");
  EXPECT_EQ(long_term_key_sha256("u", "r", "p"), sha256(as_bytes("u:r:p")));
  EXPECT_EQ(userhash("u", "r"), sha256(as_bytes("u:r")));
}

TEST(ConstantTimeEqual, ComparesSizesAndBytes) {
  EXPECT_TRUE(constant_time_equal({}, {}));
  EXPECT_TRUE(constant_time_equal(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("ab")));
  EXPECT_FALSE(constant_time_equal(as_bytes("abc"), {}));
}

Bytes signed_with(IntegrityKind kind, ByteView key) {
  return make_request(Method::refresh, [&](MessageBuilder& builder) {
    builder.add_u32(AttributeType::lifetime, 600);
    if (kind == IntegrityKind::sha1) {
      builder.add_integrity_sha1(key);
    } else {
      builder.add_integrity_sha256(key);
    }
  });
}

TEST(Integrity, VerifiesWithTheRightKeyOnly) {
  for (const IntegrityKind kind : {IntegrityKind::sha1, IntegrityKind::sha256}) {
    const Bytes bytes = signed_with(kind, as_bytes("key"));
    EXPECT_TRUE(verify_integrity(parsed(bytes), kind, as_bytes("key")));
    EXPECT_FALSE(verify_integrity(parsed(bytes), kind, as_bytes("Key")));
    EXPECT_FALSE(verify_integrity(parsed(bytes), kind, {}));
  }
}

TEST(Integrity, IsNotThereWhenTheOtherKindIs) {
  const Bytes sha1 = signed_with(IntegrityKind::sha1, as_bytes("key"));
  EXPECT_FALSE(verify_integrity(parsed(sha1), IntegrityKind::sha256, as_bytes("key")));
  const Bytes sha256 = signed_with(IntegrityKind::sha256, as_bytes("key"));
  EXPECT_FALSE(verify_integrity(parsed(sha256), IntegrityKind::sha1, as_bytes("key")));
}

TEST(Integrity, EveryChangedBitBeforeItIsNoticed) {
  for (const IntegrityKind kind : {IntegrityKind::sha1, IntegrityKind::sha256}) {
    Bytes bytes = signed_with(kind, as_bytes("key"));
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
      const auto message = MessageView::parse(bytes);
      EXPECT_FALSE(message && verify_integrity(*message, kind, as_bytes("key"))) << bit;
      bytes[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    }
  }
}

TEST(Integrity, DoesNotCoverWhatFollows) {
  const Bytes bytes = make_request(Method::refresh, [](MessageBuilder& builder) {
    builder.add_integrity_sha1(as_bytes("key"));
    builder.add_u32(AttributeType::lifetime, 0);
  });
  const MessageView message = parsed(bytes);
  EXPECT_TRUE(verify_integrity(message, IntegrityKind::sha1, as_bytes("key")));
  const auto attribute = message.find_attribute(AttributeType::message_integrity);
  EXPECT_FALSE(message.limit_to(attribute->offset).has(AttributeType::lifetime));
}

// A message whose integrity attribute is cut or filled up to `size` bytes, with the length field
// that the HMAC is made over.
Bytes with_value_size(IntegrityKind kind, size_t size) {
  return make_request(Method::binding, [&](MessageBuilder& builder) {
    const bool sha1 = kind == IntegrityKind::sha1;
    Bytes head = bytes_from_hex("0001 0000 2112a442");
    const auto id = testing::transaction(1);
    head.insert(head.end(), id.begin(), id.end());
    WireWriter(ByteSpan(head).subspan(2)).u16(static_cast<uint16_t>(4 + size));
    Bytes value(size);
    const Sha1Mac mac1 = hmac_sha1(as_bytes("key"), head);
    const Sha256Mac mac256 = hmac_sha256(as_bytes("key"), head);
    const ByteView mac = sha1 ? ByteView(mac1) : ByteView(mac256);
    std::copy_n(mac.begin(), std::min(size, mac.size()), value.begin());
    builder.add(sha1 ? AttributeType::message_integrity : AttributeType::message_integrity_sha256,
                value);
  });
}

// RFC 8489 section 14.6: at least 16 bytes, at most 32, in steps of four.
TEST(Integrity, Sha256MayBeCutInStepsOfFour) {
  for (size_t size = 0; size <= 40; ++size) {
    const Bytes bytes = with_value_size(IntegrityKind::sha256, size);
    const bool right = size >= 16 && size <= 32 && size % 4 == 0;
    EXPECT_EQ(verify_integrity(parsed(bytes), IntegrityKind::sha256, as_bytes("key")), right)
        << size;
  }
}

TEST(Integrity, Sha1HasOneSize) {
  for (size_t size = 0; size <= 40; ++size) {
    const Bytes bytes = with_value_size(IntegrityKind::sha1, size);
    EXPECT_EQ(verify_integrity(parsed(bytes), IntegrityKind::sha1, as_bytes("key")), size == 20)
        << size;
  }
}

TEST(Integrity, OfTwoTheFirstCounts) {
  const Bytes bytes = make_request(Method::binding, [](MessageBuilder& builder) {
    builder.add_integrity_sha1(as_bytes("one"));
    builder.add_integrity_sha1(as_bytes("two"));
  });
  EXPECT_TRUE(verify_integrity(parsed(bytes), IntegrityKind::sha1, as_bytes("one")));
  EXPECT_FALSE(verify_integrity(parsed(bytes), IntegrityKind::sha1, as_bytes("two")));
}

TEST(Integrity, IsNotFoundBehindALimit) {
  const Bytes bytes = signed_with(IntegrityKind::sha1, as_bytes("key"));
  EXPECT_FALSE(verify_integrity(parsed(bytes).limit_to(28), IntegrityKind::sha1, as_bytes("key")));
}

}  // namespace
}  // namespace turnpike::stun
