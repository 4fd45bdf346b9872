// HMACs over messages, and the keys of the long-term mechanism.
#pragma once

#include <array>
#include <string_view>

#include "base/bytes.h"
#include "stun/message.h"
#include "stun/types.h"

namespace turnpike::stun {

using Sha1Mac = std::array<uint8_t, 20>;
using Sha256Mac = std::array<uint8_t, 32>;

// Each keeps its digest contexts for the thread; no allocation after the first call.
Sha1Mac hmac_sha1(ByteView key, ByteView part1, ByteView part2 = {});
Sha256Mac hmac_sha256(ByteView key, ByteView part1, ByteView part2 = {});
std::array<uint8_t, 16> md5(ByteView data);
Sha256Mac sha256(ByteView data);

// Compares every byte whatever the result; false when the sizes differ.
bool constant_time_equal(ByteView a, ByteView b);

enum class IntegrityKind : uint8_t { sha1, sha256 };

// True when the attribute of that kind is there and is right for `key` (RFC 8489 sections 14.5 and
// 14.6; a SHA-256 value may be cut to 16, 20, 24 or 28 bytes).
bool verify_integrity(const MessageView& message, IntegrityKind kind, ByteView key);

// RFC 8489 section 18.5.1: MD5 or SHA-256 of username ":" realm ":" password.
std::array<uint8_t, 16> long_term_key_md5(std::string_view username, std::string_view realm,
                                          std::string_view password);
Sha256Mac long_term_key_sha256(std::string_view username, std::string_view realm,
                               std::string_view password);

// RFC 8489 section 14.4: SHA-256 of username ":" realm.
Sha256Mac userhash(std::string_view username, std::string_view realm);

}  // namespace turnpike::stun
