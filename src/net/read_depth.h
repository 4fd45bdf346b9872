// How many messages a read of one socket asks for.
//
// Asking for many where one waits costs a second look into the empty queue and the preparation of
// slots that stay empty; asking for one where many wait costs a system call for each. Which of the
// two a socket is, it has shown in its last reads: a voice call's is of the first kind, one that
// gets bursts of the second. Where many clients meet, singles are followed by crowds at any time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace turnpike::net {

class ReadDepth {
 public:
  enum class Kind : uint8_t { learnt, always_deep };

  explicit ReadDepth(Kind kind = Kind::learnt) : kind_(kind) {}

  static constexpr size_t kDeep = 16;
  // So many deep reads in a row that find one message make reads of one.
  static constexpr uint8_t kPatience = 4;
  // Of which each so-manyth is a deep one, to notice that things have changed.
  static constexpr uint8_t kLookAgain = 16;

  [[nodiscard]] size_t want() const { return lonely_ < kPatience ? kDeep : 1; }

  // After a read that asked for want() and found `got`.
  void found(size_t got) {
    if (kind_ == Kind::always_deep) return;
    if (lonely_ < kPatience) {
      if (got != 1) {
        // Nothing at all is an ICMP error, or a datagram with a bad checksum, and says nothing.
        if (got > 1) lonely_ = 0;
        return;
      }
      ++lonely_;
      shallow_reads_ = 0;
    } else if (++shallow_reads_ == kLookAgain - 1) {
      lonely_ = kPatience - 1;
    }
  }

 private:
  Kind kind_;
  uint8_t lonely_ = 0;  // Deep reads in a row that found one message, up to kPatience.
  uint8_t shallow_reads_ = 0;
};

}  // namespace turnpike::net
