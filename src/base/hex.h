// Bytes as hexadecimal text.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace turnpike {

inline std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15U];
  }
  return out;
}

namespace hex_detail {

constexpr int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace hex_detail

// True when `text` is exactly out.size() bytes in hexadecimal, of either case; otherwise `out`
// holds nothing of use.
[[nodiscard]] inline bool from_hex(std::string_view text, ByteSpan out) {
  if (text.size() != out.size() * 2) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = hex_detail::digit_value(text[2 * i]);
    const int low = hex_detail::digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

}  // namespace turnpike
