#include "stun/attributes.h"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/hex.h"
#include "stun/builder.h"
#include "support/hex.h"
#include "support/messages.h"

namespace turnpike::stun {
namespace {

using testing::Bytes;
using testing::bytes_from_hex;
using testing::make_request;
using testing::parsed;
using testing::transaction;

// The value that the builder wrote for the only attribute of a message.
Bytes encoded(const testing::AddAttributes& add) {
  const Bytes bytes = make_request(Method::binding, add);
  const Attribute attribute = *parsed(bytes).begin();
  return {attribute.value.begin(), attribute.value.end()};
}

// True when the decoder takes values of these sizes only, whatever is in them.
template <typename Decode>
void expect_sizes(const Decode& decode, const std::vector<size_t>& sizes) {
  for (size_t size = 0; size <= 40; ++size) {
    const bool right = std::find(sizes.begin(), sizes.end(), size) != sizes.end();
    EXPECT_EQ(decode(Bytes(size, 0)).has_value(), right) << size;
  }
}

const std::vector<std::string> kAddresses = {
    "192.0.2.1:0",      "0.0.0.0:1",     "255.255.255.255:65535",
    "[2001:db8::1]:80", "[::]:0",        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
    "[fe80::1]:3478",   "10.0.0.1:8466",  // The port is the upper half of the cookie.
};

TEST(Attributes, AddressesRoundTrip) {
  for (const std::string& text : kAddresses) {
    const Endpoint address = Endpoint::parse(text, 0).value();
    const Bytes plain =
        encoded([&](MessageBuilder& b) { b.add_address(AttributeType::mapped_address, address); });
    EXPECT_EQ(plain.size(), address.ip.is_v4() ? 8U : 20U);
    EXPECT_EQ(decode_address(plain), address) << text;

    for (const uint64_t number : {uint64_t{0}, UINT64_MAX, uint64_t{0x1234567890abcdef}}) {
      const TransactionId id = transaction(number);
      const Bytes message =
          testing::make_message(Method::binding, Class::success, id, [&](MessageBuilder& b) {
            b.add_xor_address(AttributeType::xor_mapped_address, address);
          });
      const ByteView value = parsed(message).find(AttributeType::xor_mapped_address).value();
      EXPECT_EQ(decode_xor_address(value, id), address) << text;
      if (address.ip.is_v4()) {
        EXPECT_EQ(decode_xor_address(value, transaction(1)), address);
      } else {
        EXPECT_NE(decode_xor_address(value, transaction(number + 1)), address);
      }
    }
  }
}

TEST(Attributes, XorAddressesOfBothFamiliesOnTheWire) {
  const TransactionId id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  EXPECT_EQ(decode_xor_address(bytes_from_hex("0001 2112 2112a442"), id)->to_string(), "0.0.0.0:0");
  EXPECT_EQ(decode_xor_address(bytes_from_hex("0002 2112 2112a442000102030405060708090a0b"), id)
                ->to_string(),
            "[::]:0");
}

TEST(Attributes, V4MappedAddressOfAPeerIsTheV4Address) {
  EXPECT_EQ(
      decode_address(bytes_from_hex("0002 0050 00000000000000000000ffff7f000001"))->to_string(),
      "127.0.0.1:80");
}

TEST(Attributes, AddressesOfAWrongSizeOrFamilyAreRefused) {
  for (const std::string_view hex :
       {"", "00", "0001", "00010050", "0001 0050 c00002", "0001 0050 c0000201 00",
        "0001 0050 00000000000000000000000000000000",  // The size of the other family.
        "0002 0050 c0000201", "0002 0050 000000000000000000000000000000",
        "0002 0050 0000000000000000000000000000000000", "0000 0050 c0000201", "0003 0050 c0000201",
        "ff04 0050 c0000201"}) {
    EXPECT_FALSE(decode_address(bytes_from_hex(hex)).has_value()) << hex;
    EXPECT_FALSE(decode_xor_address(bytes_from_hex(hex), transaction(1)).has_value()) << hex;
  }
  EXPECT_FALSE(decode_xor_address(Bytes(100), transaction(1)).has_value());
}

TEST(Attributes, TheFirstByteOfAnAddressIsIgnored) {
  EXPECT_EQ(decode_address(bytes_from_hex("ff01 0050 c0000201"))->to_string(), "192.0.2.1:80");
}

TEST(Attributes, NumbersRoundTripAndHaveOneSize) {
  for (const uint32_t value : {0U, 1U, 600U, UINT32_MAX}) {
    EXPECT_EQ(
        decode_u32(encoded([&](MessageBuilder& b) { b.add_u32(AttributeType::lifetime, value); })),
        value);
  }
  for (const uint64_t value : {uint64_t{0}, uint64_t{1} << 63, UINT64_MAX}) {
    EXPECT_EQ(decode_u64(encoded(
                  [&](MessageBuilder& b) { b.add_u64(AttributeType::reservation_token, value); })),
              value);
  }
  expect_sizes(decode_u32, {4});
  expect_sizes(decode_u64, {8});
}

TEST(Attributes, ErrorCodesRoundTrip) {
  for (const ErrorCode code : {ErrorCode::try_alternate, ErrorCode::bad_request,
                               ErrorCode::stale_nonce, ErrorCode::insufficient_capacity}) {
    for (const std::string_view reason_text : {"", "Why", "Four"}) {
      const Bytes value = encoded([&](MessageBuilder& b) { b.add_error(code, reason_text); });
      const auto decoded = decode_error_code(value);
      ASSERT_TRUE(decoded.has_value());
      EXPECT_EQ(decoded->code, static_cast<uint16_t>(code));
      EXPECT_EQ(decoded->reason, reason_text);
    }
  }
  EXPECT_EQ(to_hex(encoded([](MessageBuilder& b) { b.add_error(ErrorCode::stale_nonce); })),
            "00000426");
}

TEST(Attributes, ErrorCodesOutsideTheirRangeAreRefused) {
  for (const std::string_view hex :
       {"", "00", "0000", "000004", "00000200", "00000263", "00000700", "00000464", "000004ff"}) {
    EXPECT_FALSE(decode_error_code(bytes_from_hex(hex)).has_value()) << hex;
  }
  // The reserved bits are ignored.
  EXPECT_EQ(decode_error_code(bytes_from_hex("fffffc63"))->code, 499);
  EXPECT_EQ(decode_error_code(bytes_from_hex("00000300"))->code, 300);
  EXPECT_EQ(decode_error_code(bytes_from_hex("00000663"))->code, 699);
}

TEST(Attributes, ChannelNumberRoundTrips) {
  for (const uint16_t number : std::initializer_list<uint16_t>{0, 0x4000, 0x7fff, 0xffff}) {
    EXPECT_EQ(
        decode_channel_number(encoded([&](MessageBuilder& b) { b.add_channel_number(number); })),
        number);
  }
  EXPECT_EQ(decode_channel_number(bytes_from_hex("4001ffff")), 0x4001);
  expect_sizes(decode_channel_number, {4});
}

TEST(Attributes, EvenPortRoundTrips) {
  EXPECT_EQ(decode_even_port(encoded([](MessageBuilder& b) { b.add_even_port(true); })), true);
  EXPECT_EQ(decode_even_port(encoded([](MessageBuilder& b) { b.add_even_port(false); })), false);
  EXPECT_EQ(decode_even_port(bytes_from_hex("7f")), false);
  EXPECT_EQ(decode_even_port(bytes_from_hex("ff")), true);
  expect_sizes(decode_even_port, {1});
}

TEST(Attributes, RequestedTransportRoundTrips) {
  for (const uint8_t protocol : std::initializer_list<uint8_t>{0, 6, 17, 255}) {
    EXPECT_EQ(decode_requested_transport(
                  encoded([&](MessageBuilder& b) { b.add_requested_transport(protocol); })),
              protocol);
  }
  EXPECT_EQ(decode_requested_transport(bytes_from_hex("11ffffff")), 17);
  expect_sizes(decode_requested_transport, {4});
}

TEST(Attributes, AddressFamilyRoundTripsAndUnknownOnesAreValues) {
  for (const AddressFamily family : {AddressFamily::ipv4, AddressFamily::ipv6}) {
    EXPECT_EQ(decode_address_family(encoded([&](MessageBuilder& b) {
                b.add_family(AttributeType::requested_address_family, family);
              })),
              static_cast<uint8_t>(family));
  }
  EXPECT_EQ(decode_address_family(bytes_from_hex("03000000")), 3);
  expect_sizes(decode_address_family, {4});
}

// RFC 8656 section 18.12: family, reserved bits, class, number.
TEST(Attributes, AddressErrorOnTheWire) {
  EXPECT_EQ(to_hex(encoded([](MessageBuilder& b) {
              b.add_address_error(AddressFamily::ipv6, ErrorCode::address_family_not_supported);
            })),
            "02000428");
  EXPECT_EQ(to_hex(encoded([](MessageBuilder& b) {
              b.add_address_error(AddressFamily::ipv4, ErrorCode::insufficient_capacity);
            })),
            "01000508");
}

TEST(Attributes, IcmpRoundTrips) {
  for (const IcmpValue& icmp :
       {IcmpValue{3, 4, 1500}, IcmpValue{0, 0, 0}, IcmpValue{127, 255, UINT32_MAX}}) {
    const auto decoded = decode_icmp(encoded([&](MessageBuilder& b) { b.add_icmp(icmp); }));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->type, icmp.type);
    EXPECT_EQ(decoded->code, icmp.code);
    EXPECT_EQ(decoded->error_data, icmp.error_data);
  }
  // Seven bits of type, nine of code, of which no ICMP uses the ninth.
  EXPECT_EQ(to_hex(encoded([](MessageBuilder& b) {
              b.add_icmp({3, 4, 1500});
            })),
            "00000604000005dc");
  EXPECT_FALSE(decode_icmp(bytes_from_hex("0000070400000000")).has_value());
  expect_sizes(decode_icmp, {8});
}

TEST(Attributes, ChangeRequestRoundTrips) {
  for (const bool ip : {false, true}) {
    for (const bool port : {false, true}) {
      const auto decoded = decode_change_request(encoded([&](MessageBuilder& b) {
        b.add_change_request({ip, port});
      }));
      ASSERT_TRUE(decoded.has_value());
      EXPECT_EQ(decoded->change_ip, ip);
      EXPECT_EQ(decoded->change_port, port);
    }
  }
  EXPECT_TRUE(decode_change_request(bytes_from_hex("00000004"))->change_ip);
  EXPECT_TRUE(decode_change_request(bytes_from_hex("00000002"))->change_port);
  expect_sizes(decode_change_request, {4});
}

TEST(Attributes, ResponsePortHasTwoBytesOrFour) {
  EXPECT_EQ(decode_response_port(bytes_from_hex("1234")), 0x1234);
  EXPECT_EQ(decode_response_port(bytes_from_hex("12340000")), 0x1234);
  expect_sizes(decode_response_port, {2, 4});
}

TEST(Attributes, PasswordAlgorithmRoundTrips) {
  for (const PasswordAlgorithm algorithm : {PasswordAlgorithm::md5, PasswordAlgorithm::sha256}) {
    EXPECT_EQ(decode_password_algorithm(
                  encoded([&](MessageBuilder& b) { b.add_password_algorithm(algorithm); })),
              algorithm);
  }
}

TEST(Attributes, PasswordAlgorithmIsRefusedWhenUnknownOrOfAWrongSize) {
  for (const std::string_view hex :
       {"", "0001", "000100", "0001000000", "0001000000000000", "00000000", "00030000", "ffff0000",
        "00010004", "0001000461626364"}) {
    EXPECT_FALSE(decode_password_algorithm(bytes_from_hex(hex)).has_value()) << hex;
  }
}

TEST(Attributes, PasswordAlgorithmsRoundTrip) {
  const std::array algorithms = {PasswordAlgorithm::sha256, PasswordAlgorithm::md5};
  EXPECT_EQ(decode_password_algorithms(
                encoded([&](MessageBuilder& b) { b.add_password_algorithms(algorithms); })),
            (std::vector<uint16_t>{2, 1}));
  EXPECT_EQ(decode_password_algorithms({}), std::vector<uint16_t>{});
}

TEST(Attributes, PasswordAlgorithmsKeepUnknownOnesAndSkipParameters) {
  EXPECT_EQ(decode_password_algorithms(bytes_from_hex("0009 0003 61626300 0001 0000")),
            (std::vector<uint16_t>{9, 1}));
  for (const std::string_view hex :
       {"00", "0001", "000100", "0001000000", "00010004", "00010001616263", "0001ffff"}) {
    EXPECT_FALSE(decode_password_algorithms(bytes_from_hex(hex)).has_value()) << hex;
  }
}

TEST(Attributes, UnknownAttributesRoundTrip) {
  const std::vector<AttributeType> types = {AttributeType::padding, AttributeType::access_token,
                                            static_cast<AttributeType>(0x7abc)};
  EXPECT_EQ(decode_unknown_attributes(
                encoded([&](MessageBuilder& b) { b.add_unknown_attributes(types); })),
            types);
  EXPECT_TRUE(decode_unknown_attributes({}).empty());
  EXPECT_EQ(decode_unknown_attributes(bytes_from_hex("002600")).size(), 1U);
}

TEST(Attributes, TextRoundTrips) {
  for (const std::string_view text : {"", "a", "ab", "abc", "abcd", "\xe3\x83\x9e"}) {
    EXPECT_EQ(as_text(encoded([&](MessageBuilder& b) { b.add(AttributeType::realm, text); })),
              text);
  }
}

}  // namespace
}  // namespace turnpike::stun
