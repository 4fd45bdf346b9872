#include "stun/builder.h"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hex.h"
#include "stun/fingerprint.h"
#include "stun/integrity.h"
#include "stun/message.h"
#include "support/allocation_guard.h"
#include "support/hex.h"
#include "support/messages.h"

namespace turnpike::stun {
namespace {

using testing::Bytes;
using testing::bytes_from_hex;
using testing::make_request;
using testing::parsed;
using testing::transaction;

TEST(Builder, WritesTheHeader) {
  std::array<uint8_t, 20> buffer{};
  MessageBuilder builder(buffer, Method::allocate, Class::error, transaction(0x0102030405060708));
  EXPECT_EQ(to_hex(builder.finish()),
            "0113"
            "0000"
            "2112a442"
            "7e577e57"
            "0102030405060708");
}

TEST(Builder, PadsWithZerosHoweverMuchJunkTheBufferHolds) {
  for (size_t size = 0; size <= 9; ++size) {
    Bytes buffer(64, 0xee);
    MessageBuilder builder(buffer, Method::binding, Class::request, transaction(1));
    builder.add(AttributeType::software, Bytes(size, 0x11));
    const ByteView message = builder.finish();
    const size_t padding = (4 - size % 4) % 4;
    ASSERT_EQ(message.size(), 24 + size + padding);
    for (size_t i = 0; i < padding; ++i) EXPECT_EQ(message[24 + size + i], 0) << size;
    for (size_t i = message.size(); i < buffer.size(); ++i) EXPECT_EQ(buffer[i], 0xee);
    EXPECT_EQ(parsed(message).find(AttributeType::software)->size(), size);
  }
}

TEST(Builder, EveryFixedAttributeIsFreeOfJunk) {
  // Two buffers with different junk must come out the same.
  const auto build = [](uint8_t junk) {
    Bytes buffer(2048, junk);
    MessageBuilder b(buffer, Method::allocate, Class::success, transaction(1));
    b.add_empty(AttributeType::dont_fragment);
    b.add_address(AttributeType::mapped_address, Endpoint::parse("192.0.2.1:1", 0).value());
    b.add_xor_address(AttributeType::xor_mapped_address, Endpoint::parse("[::2]:1", 0).value());
    b.add_error(ErrorCode::forbidden);
    b.add_error(ErrorCode::forbidden, "No");
    b.add_channel_number(0x4000);
    b.add_even_port(true);
    b.add_requested_transport(17);
    b.add_family(AttributeType::requested_address_family, AddressFamily::ipv6);
    b.add_address_error(AddressFamily::ipv6, ErrorCode::address_family_not_supported);
    b.add_icmp({3, 4, 1500});
    b.add_change_request({true, false});
    b.add_password_algorithm(PasswordAlgorithm::sha256);
    b.add_password_algorithms(std::array{PasswordAlgorithm::sha256, PasswordAlgorithm::md5});
    b.add_unknown_attributes(std::array{AttributeType::padding});
    b.add_integrity_sha1(as_bytes("key"));
    b.add_integrity_sha256(as_bytes("key"));
    b.add_fingerprint();
    return to_hex(b.finish());
  };
  EXPECT_FALSE(build(0xee).empty());
  EXPECT_EQ(build(0xee), build(0x11));
}

TEST(Builder, ReturnsNothingWhenItDoesNotFit) {
  const auto build = [](ByteSpan buffer) {
    MessageBuilder builder(buffer, Method::binding, Class::success, transaction(1));
    builder.add_xor_address(AttributeType::xor_mapped_address,
                            Endpoint::parse("[2001:db8::1]:1", 0).value());
    builder.add(AttributeType::software, "abcde");
    builder.add_error(ErrorCode::bad_request, "Bad");
    builder.add_password_algorithms(std::array{PasswordAlgorithm::md5});
    builder.add_unknown_attributes(std::array{AttributeType::padding});
    builder.add_integrity_sha1(as_bytes("key"));
    builder.add_integrity_sha256(as_bytes("key"));
    builder.add_fingerprint();
    return builder.finish();
  };
  Bytes buffer(1000);
  const size_t needed = build(buffer).size();
  ASSERT_GT(needed, 0U);
  for (size_t size = 0; size < needed; ++size) {
    // One byte more than it may use, to see whether it does.
    buffer[size] = 0xee;
    EXPECT_TRUE(build(ByteSpan(buffer).first(size)).empty()) << size;
    ASSERT_EQ(buffer[size], 0xee);
  }
  EXPECT_EQ(build(ByteSpan(buffer).first(needed)).size(), needed);
}

TEST(Builder, RefusesWhatTheLengthFieldCannotSay) {
  Bytes buffer(200'000);
  for (const size_t size : {size_t{65529}, size_t{65532}, size_t{65536}, size_t{131072}}) {
    MessageBuilder builder(buffer, Method::send, Class::indication, transaction(1));
    builder.add(AttributeType::data, Bytes(size));
    EXPECT_TRUE(builder.finish().empty()) << size;
  }
  MessageBuilder largest(buffer, Method::send, Class::indication, transaction(1));
  largest.add(AttributeType::data, Bytes(65528));
  EXPECT_EQ(parsed(largest.finish()).find(AttributeType::data)->size(), 65528U);
  MessageBuilder many(buffer, Method::send, Class::indication, transaction(1));
  for (int i = 0; i < 3; ++i) many.add(AttributeType::data, Bytes(30'000));
  EXPECT_TRUE(many.finish().empty());
}

TEST(Builder, ClaimedRoomIsTheCallersToFill) {
  Bytes buffer(64, 0xee);
  MessageBuilder builder(buffer, Method::data, Class::indication, transaction(1));
  const ByteSpan room = builder.claim(AttributeType::data, 3);
  ASSERT_EQ(room.size(), 3U);
  std::fill(room.begin(), room.end(), uint8_t{0x77});
  EXPECT_EQ(to_hex(builder.finish().last(8)),
            "00130003"
            "77777700");
  EXPECT_TRUE(builder.claim(AttributeType::data, 100).empty());
  EXPECT_TRUE(builder.finish().empty());
}

TEST(Builder, ClassicReplyRepeatsTheSixteenBytes) {
  std::array<uint8_t, 16> id;
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<uint8_t>(i);
  Bytes buffer(64);
  MessageBuilder builder = MessageBuilder::classic(buffer, Method::binding, Class::success, id);
  builder.add_address(AttributeType::mapped_address, Endpoint::parse("192.0.2.1:1", 0).value());
  EXPECT_EQ(to_hex(builder.finish()),
            "0101000c000102030405060708090a0b0c0d0e0f"
            "00010008"
            "00010001c0000201");
}

// The length that each integrity attribute covers ends with itself, whatever follows.
TEST(Builder, IntegrityAndFingerprintCoverTheLengthUpToThemselves) {
  const Bytes bytes = make_request(Method::refresh, [](MessageBuilder& builder) {
    builder.add_u32(AttributeType::lifetime, 600);
    builder.add_integrity_sha1(as_bytes("key"));
    builder.add_integrity_sha256(as_bytes("key"));
    builder.add_fingerprint();
  });
  const MessageView message = parsed(bytes);
  EXPECT_TRUE(verify_integrity(message, IntegrityKind::sha1, as_bytes("key")));
  EXPECT_TRUE(verify_integrity(message, IntegrityKind::sha256, as_bytes("key")));
  EXPECT_TRUE(message.has(AttributeType::fingerprint));
}

TEST(Builder, DoesNotAllocate) {
  std::array<uint8_t, 256> buffer;
  (void)hmac_sha1(as_bytes("key"), {});
  const testing::AllocationGuard guard;
  MessageBuilder builder(buffer, Method::binding, Class::success, transaction(1));
  builder.add_xor_address(AttributeType::xor_mapped_address, Endpoint{Ip::v4(1), 2});
  builder.add_integrity_sha1(as_bytes("key"));
  builder.add_fingerprint();
  EXPECT_FALSE(builder.finish().empty());
  EXPECT_EQ(guard.news(), 0U);
}

}  // namespace
}  // namespace turnpike::stun
