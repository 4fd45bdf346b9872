// Turning the text of a value into a member of Config: the `apply` functions of the option table
// that several rows share. Each returns what the value must be when it is not that.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "config/option.h"

namespace turnpike::config {

// coturn's forms; an empty text (a bare flag) is true.
std::optional<bool> parse_switch(std::string_view text);

// Decimal digits only, nothing around them.
std::optional<uint64_t> parse_number(std::string_view text);

// Bytes per second: digits with an optional k, M or G (powers of 1000), and an optional "bit" for
// bits per second instead: "3000000", "3M", "24Mbit". Not "bps": coturn's max-bps counts bytes.
std::optional<uint64_t> parse_rate(std::string_view text);

// The same rate so that nobody can take bytes for bits: "24Mbit", "616bit", and plain bytes only
// where the bits are too many to count. parse_rate() reads it back.
std::string rate_text(uint64_t bytes_per_s);
// For people: "24Mbit a second, 3000000 bytes a second".
std::string rate_in_words(uint64_t bytes_per_s);

std::string must_be_a_switch();
std::string must_be_a_number(uint64_t low, uint64_t high);

template <auto Member>
Complaint set_flag(Config& config, std::string_view value) {
  const auto on = parse_switch(value);
  if (!on) return must_be_a_switch();
  config.*Member = *on;
  return {};
}

template <auto Member, uint64_t Low = 0, uint64_t High = std::numeric_limits<uint32_t>::max()>
Complaint set_number(Config& config, std::string_view value) {
  const auto number = parse_number(value);
  if (!number || *number < Low || *number > High) return must_be_a_number(Low, High);
  using Target = std::remove_reference_t<decltype(config.*Member)>;
  static_assert(High <= std::numeric_limits<Target>::max());
  config.*Member = static_cast<Target>(*number);
  return {};
}

template <auto Member>
Complaint set_port(Config& config, std::string_view value) {
  return set_number<Member, 1, 65535>(config, value);
}

template <auto Member>
Complaint set_rate(Config& config, std::string_view value) {
  const auto rate = parse_rate(value);
  if (!rate) return "must be bytes per second, such as 3000000, 3M or 24Mbit";
  config.*Member = *rate;
  return {};
}

template <auto Member>
Complaint set_text(Config& config, std::string_view value) {
  if (value.empty()) return "must not be empty";
  config.*Member = value;
  return {};
}

template <auto Member>
Complaint add_ip(Config& config, std::string_view value) {
  const auto ip = Ip::parse(value);
  if (!ip) return "must be an IPv4 or IPv6 address";
  (config.*Member).push_back(*ip);
  return {};
}

}  // namespace turnpike::config
