// Seals access tokens (RFC 7635) as an authorization server does.
#pragma once

#include <string_view>

#include "support/messages.h"

namespace turnpike::testing {

// The test keys of Debian's turnutils_uclient.
constexpr std::string_view kNorthKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK";  // A256GCM
constexpr std::string_view kUnionKey = "MTIzNDU2Nzg5MDEyMzQ1Ngo=";                      // A128GCM

struct TokenContent {
  std::string_view mac_key = "ZksjpweoixXmvn67534m";
  int64_t issued_unix_s = 1'700'000'000;
  uint32_t lifetime_s = 3600;
};

// What is sealed, and the sealing of anything: `key` has 16 or 32 bytes, the nonce may have any
// length.
Bytes token_plain_text(const TokenContent& content);
Bytes seal_token(ByteView key, std::string_view server_name, ByteView plain,
                 std::string_view nonce = "h4j3k2l2n4b5");

}  // namespace turnpike::testing
