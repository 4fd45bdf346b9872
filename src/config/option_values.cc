#include "config/option_values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace turnpike::config {
namespace {

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::optional<uint64_t> multiplied(uint64_t number, uint64_t factor) {
  if (number > std::numeric_limits<uint64_t>::max() / factor) return {};
  return number * factor;
}

// What follows the digits of a rate: a power of 1000, and whether bits were meant.
struct RateUnit {
  uint64_t factor = 1;
  bool is_bits = false;
};

std::optional<RateUnit> parse_rate_unit(std::string text) {
  RateUnit unit;
  if (text.empty()) return unit;
  switch (text.front()) {
    case 'k':
      unit.factor = 1'000;
      break;
    case 'm':
      unit.factor = 1'000'000;
      break;
    case 'g':
      unit.factor = 1'000'000'000;
      break;
    default:
      break;
  }
  if (unit.factor != 1) text.erase(0, 1);
  unit.is_bits = text == "bit";
  if (!unit.is_bits && !text.empty()) return {};
  return unit;
}

}  // namespace

std::optional<bool> parse_switch(std::string_view text) {
  constexpr std::array<std::string_view, 7> kOn = {"", "1", "on", "yes", "true", "y", "t"};
  constexpr std::array<std::string_view, 6> kOff = {"0", "off", "no", "false", "n", "f"};
  const std::string word = lower_case(text);
  if (std::find(kOn.begin(), kOn.end(), word) != kOn.end()) return true;
  if (std::find(kOff.begin(), kOff.end(), word) != kOff.end()) return false;
  return {};
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return {};
  return number;
}

std::optional<uint64_t> parse_rate(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, digits));
  const auto unit = parse_rate_unit(lower_case(text.substr(digits)));
  if (!number || !unit) return {};
  const auto scaled = multiplied(*number, unit->factor);
  if (!scaled || !unit->is_bits) return scaled;
  // Less than a byte would become 0, which means no limit at all.
  if (*scaled > 0 && *scaled < 8) return {};
  return *scaled / 8;
}

std::string rate_text(uint64_t bytes_per_s) {
  const auto bits = multiplied(bytes_per_s, 8);
  if (bytes_per_s == 0 || !bits) return std::to_string(bytes_per_s);
  for (const auto& [factor, letter] :
       {std::pair(1'000'000'000ULL, "G"), std::pair(1'000'000ULL, "M"), std::pair(1'000ULL, "k"),
        std::pair(1ULL, "")}) {
    if (*bits % factor == 0) return std::to_string(*bits / factor) + letter + "bit";
  }
  return std::to_string(bytes_per_s);
}

std::string rate_in_words(uint64_t bytes_per_s) {
  const std::string bytes = std::to_string(bytes_per_s) + " bytes a second";
  const std::string text = rate_text(bytes_per_s);
  return text.ends_with("bit") ? text + " a second, " + bytes : bytes;
}

std::string must_be_a_switch() {
  return "must be on or off (or yes/no, 1/0, true/false)";
}

std::string must_be_a_number(uint64_t low, uint64_t high) {
  return "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high);
}

}  // namespace turnpike::config
