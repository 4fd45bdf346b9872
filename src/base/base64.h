// Standard base64 (RFC 4648 section 4).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace turnpike {

std::string base64_encode(ByteView bytes);

// Nothing for what is not whole groups of the alphabet, the last one padded with '='.
std::optional<std::vector<uint8_t>> base64_decode(std::string_view text);

// Into a buffer of exactly 4 characters for each 3 bytes. Requires a multiple of 3 bytes.
void base64_encode_groups(ByteView bytes, ByteSpan out);

// Three bytes from four characters; nothing when one is not of the alphabet (padding included).
std::optional<std::array<uint8_t, 3>> base64_decode_group(std::span<const uint8_t, 4> characters);

}  // namespace turnpike
