#include "base/base64.h"

#include <string_view>

#include "base/check.h"

namespace turnpike {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::array<char, 4> encode_group(uint32_t group) {
  return {kAlphabet[group >> 18 & 63], kAlphabet[group >> 12 & 63], kAlphabet[group >> 6 & 63],
          kAlphabet[group & 63]};
}

}  // namespace

std::string base64_encode(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    auto text = encode_group(static_cast<uint32_t>(bytes[i]) << 16 |
                             (left > 1 ? static_cast<uint32_t>(bytes[i + 1]) << 8 : 0U) |
                             (left > 2 ? static_cast<uint32_t>(bytes[i + 2]) : 0U));
    if (left < 2) text[2] = '=';
    if (left < 3) text[3] = '=';
    out.append(text.data(), text.size());
  }
  return out;
}

void base64_encode_groups(ByteView bytes, ByteSpan out) {
  CHECK(bytes.size() % 3 == 0 && out.size() == bytes.size() / 3 * 4);
  for (size_t i = 0, o = 0; i < bytes.size(); i += 3, o += 4) {
    const auto text = encode_group(static_cast<uint32_t>(bytes[i]) << 16 |
                                   static_cast<uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2]);
    for (size_t k = 0; k < 4; ++k) out[o + k] = static_cast<uint8_t>(text[k]);
  }
}

std::optional<std::array<uint8_t, 3>> base64_decode_group(std::span<const uint8_t, 4> characters) {
  uint32_t group = 0;
  for (const uint8_t c : characters) {
    const size_t value = kAlphabet.find(static_cast<char>(c));
    if (value == std::string_view::npos) return {};
    group = group << 6 | static_cast<uint32_t>(value);
  }
  return std::array<uint8_t, 3>{static_cast<uint8_t>(group >> 16), static_cast<uint8_t>(group >> 8),
                                static_cast<uint8_t>(group)};
}

std::optional<std::vector<uint8_t>> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::vector<uint8_t> out;
  out.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    std::array<uint8_t, 4> characters;
    for (size_t k = 0; k < 4; ++k) {
      const bool is_padding = i + k >= text.size() - padding;
      characters[k] = static_cast<uint8_t>(is_padding ? kAlphabet.front() : text[i + k]);
    }
    const auto group = base64_decode_group(characters);
    if (!group) return {};
    out.insert(out.end(), group->begin(), group->end());
  }
  out.resize(out.size() - padding);
  return out;
}

}  // namespace turnpike
