// The sample messages of RFC 5769 and of RFC 8489 appendix B.1, with what they hold.
#pragma once

#include <string_view>

namespace turnpike::testing {

// Sections 2.1 to 2.3 of RFC 5769: short-term credentials, so the key is the password.
constexpr std::string_view kShortTermPassword = "VOkJxbRl1RmTxUk/WvJxBt";

constexpr std::string_view kSampleRequest =
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20746573"
    "7420636c69656e74002400046e0001ff80290008932ff9b151263b3600060009"
    "6576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
    "c1b571a280280004e57a3bcf";

constexpr std::string_view kSampleIpv4Response =
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563"
    "746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f9"
    "2af9ba53f06be7d780280004c07d4c96";

constexpr std::string_view kSampleIpv6Response =
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563"
    "746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014"
    "a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";

// Section 2.4 of RFC 5769 and appendix B.1 of RFC 8489: long-term credentials. The user name is
// six katakana; user name and password are given as they are after string preparation.
constexpr std::string_view kLongTermUsername =
    "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";
constexpr std::string_view kLongTermPassword = "TheMatrIX";
constexpr std::string_view kLongTermRealm = "example.org";

constexpr std::string_view kLongTermNonce = "f//499k954d6OL34oL9FSTvy64sA";
constexpr std::string_view kSampleLongTermRequest =
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383"
    "aae38383e382afe382b900000015001c662f2f3439396b39353464364f4c3334"
    "6f4c394653547679363473410014000b6578616d706c652e6f72670000080014"
    "f67024656dd64a3e02b8e0712e85c9a28ca89666";

// With USERHASH, MESSAGE-INTEGRITY-SHA256 and a nonce that begins with the nonce cookie. As the
// RFC prints it the length field says 20 bytes more than there are, and the HMAC was made over
// that: so it is no message, but its parts can be checked.
constexpr std::string_view kUserhashNonce = "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA";
constexpr std::string_view kSampleUserhashRequest =
    "0001009c2112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bd"
    "a952c6780417da0f24819415569e60b205c46e41407f1704001500296f624d61"
    "744a6f733241414143662f2f3439396b39353464364f4c33346f4c3946535476"
    "79363473410000000014000b6578616d706c652e6f726700001c0020e4686c8f"
    "0edeb59013e07090010a93efccbccc544c0a45d9f830aa6d6f735a01";

}  // namespace turnpike::testing
