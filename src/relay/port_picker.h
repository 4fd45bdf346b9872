// Which ports of one relay address to try.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "turn/relay_ports.h"

namespace turnpike::relay {

// The kernel's bind() is the only table of what is taken: all workers, and other programs, share
// it. This remembers for a second which ports were found taken, so that a range which is full, or
// nearly so, costs little; what it remembers wrongly heals after that second.
class PortPicker {
 public:
  static constexpr Duration kMemory = seconds(1);
  // One search stops after so many candidates, unless it is the one that may try them all.
  static constexpr uint32_t kMaxTries = 256;

  // Requires min <= max.
  PortPicker(uint16_t min, uint16_t max);

  // One walk through the candidates from a random start. Lives shorter than its picker.
  class Search {
   public:
    // The next port to try (for a pair: the even one); nothing when there is no more hope.
    std::optional<uint16_t> next();
    // `port` turned out to be taken.
    void busy(uint16_t port) { picker_.set_busy(port, true); }

   private:
    friend class PortPicker;
    Search(PortPicker& picker, turn::PortNeed need, uint32_t start);
    PortPicker& picker_;
    turn::PortNeed need_;
    uint32_t step_;
    uint32_t count_;     // Candidates in all.
    uint32_t position_;  // Of `count_`, the one that is next.
    uint32_t visited_ = 0;
    uint32_t tries_ = 0;
  };

  Search search(turn::PortNeed need, RandomSource& random, Instant now);
  // One of our own was given back.
  void freed(uint16_t port) { set_busy(port, false); }

 private:
  [[nodiscard]] bool in_range(uint16_t port) const { return port >= min_ && port <= max_; }
  [[nodiscard]] bool is_busy(uint16_t port) const;
  void set_busy(uint16_t port, bool busy);
  [[nodiscard]] uint16_t first_candidate(turn::PortNeed need) const;
  [[nodiscard]] uint32_t candidates(turn::PortNeed need) const;

  uint16_t min_;
  uint16_t max_;
  std::vector<bool> busy_;
  Instant remembered_since_{};
  bool full_walk_used_ = false;  // Since remembered_since_.
};

}  // namespace turnpike::relay
