#include "base/ip_range.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace turnpike {
namespace {

using Bytes = std::array<uint8_t, 16>;

std::optional<unsigned> parse_length(std::string_view text) {
  unsigned length = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, length);
  if (error != std::errc() || stop != end) return {};
  return length;
}

// last - first as a 128-bit big-endian number.
Bytes width(const IpRange& range) {
  Bytes result{};
  int borrow = 0;
  for (size_t i = 16; i-- > 0;) {
    int digit = range.last.bytes()[i] - range.first.bytes()[i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    result[i] = static_cast<uint8_t>(digit + 256 * borrow);
  }
  return result;
}

}  // namespace

std::optional<IpRange> IpRange::of_prefix(const Ip& ip, unsigned length) {
  if (length > (ip.is_v4() ? 32U : 128U)) return {};
  if (ip.is_v4()) length += 96;
  Bytes low = ip.bytes();
  Bytes high = low;
  for (unsigned bit = length; bit < 128; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80U >> (bit % 8));
    low[bit / 8] = static_cast<uint8_t>(low[bit / 8] & ~mask);
    high[bit / 8] = static_cast<uint8_t>(high[bit / 8] | mask);
  }
  return IpRange{Ip::from_v6(low), Ip::from_v6(high)};
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto ip = Ip::parse(text.substr(0, slash));
    const auto length = parse_length(text.substr(slash + 1));
    if (!ip || !length) return {};
    return of_prefix(*ip, *length);
  }
  const size_t dash = text.find('-');
  const auto first = Ip::parse(text.substr(0, dash));
  if (!first) return {};
  if (dash == std::string_view::npos) return IpRange{*first, *first};
  const auto last = Ip::parse(text.substr(dash + 1));
  if (!last || last->family() != first->family() || *last < *first) return {};
  return IpRange{*first, *last};
}

std::string IpRange::to_string() const {
  return first == last ? first.to_string() : first.to_string() + "-" + last.to_string();
}

bool IpRange::narrower_than(const IpRange& other) const {
  return width(*this) < width(other);
}

}  // namespace turnpike
