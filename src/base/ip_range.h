// A set of address ranges with a value each; the most specific range that holds an address wins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endpoint.h"

namespace turnpike {

// Inclusive; first <= last. It is of the family of `first`.
struct IpRange {
  Ip first;
  Ip last;

  // "a.b.c.d", "a.b.c.d/len", "a.b.c.d-e.f.g.h", and the same in IPv6.
  static std::optional<IpRange> parse(std::string_view text);
  // All addresses that begin as `ip` does. Absent: it has no so many bits.
  static std::optional<IpRange> of_prefix(const Ip& ip, unsigned length);

  // The IPv4 addresses lie inside ::/0 as numbers, but an IPv6 range never holds one.
  [[nodiscard]] bool contains(const Ip& ip) const {
    return first <= ip && ip <= last && ip.is_v4() == first.is_v4();
  }
  [[nodiscard]] std::string to_string() const;
  // Narrower: fewer addresses.
  [[nodiscard]] bool narrower_than(const IpRange& other) const;

  friend bool operator==(const IpRange&, const IpRange&) = default;
};

// A small list (rules of an operator): found by a scan, built once, then immutable.
template <typename Value>
class IpRangeTable {
 public:
  void add(const IpRange& range, Value value) { entries_.push_back({range, std::move(value)}); }

  struct Entry {
    IpRange range;
    Value value;
  };

  // The narrowest range that holds `ip`; of equal ones the one added last. nullptr: none.
  [[nodiscard]] const Entry* find(const Ip& ip) const {
    const Entry* best = nullptr;
    for (const Entry& entry : entries_) {
      if (!entry.range.contains(ip)) continue;
      if (best == nullptr || !best->range.narrower_than(entry.range)) best = &entry;
    }
    return best;
  }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace turnpike
