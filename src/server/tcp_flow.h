// One direction between two TCP connections that are joined (RFC 6062): what has been read from the
// one and not been taken by the other. No socket in here.
//
// Back-pressure is the rule that nothing is read while something waits: what one direction can hold
// is what one read brings, and a slow reader slows its writer down, through the kernel's windows.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace turnpike::server {

class TcpFlow {
 public:
  // Whether its source should be read now.
  [[nodiscard]] bool wants_bytes() const { return !ended_ && waiting().empty(); }
  [[nodiscard]] ByteView waiting() const { return ByteView(bytes_).subspan(sent_); }

  void add(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  // For what appends by itself.
  [[nodiscard]] std::vector<uint8_t>& tail() { return bytes_; }
  // The sink has taken that much of waiting().
  void sent(size_t size) {
    sent_ += size;
    if (sent_ < bytes_.size()) return;
    bytes_.clear();
    sent_ = 0;
    // An idle connection holds nothing.
    if (bytes_.capacity() > kKept) bytes_.shrink_to_fit();
  }

  // The source has said all it will say; what waits still goes out.
  void end() { ended_ = true; }
  // The sink takes nothing any more.
  void give_up() {
    ended_ = true;
    end_passed_on_ = true;
    bytes_ = {};
    sent_ = 0;
  }
  [[nodiscard]] bool ended() const { return ended_; }

  // The sink has to be told of the end now. It is asked once.
  [[nodiscard]] bool take_end() {
    if (!ended_ || !waiting().empty()) return false;
    return !std::exchange(end_passed_on_, true);
  }
  // Nothing is left to do.
  [[nodiscard]] bool done() const { return end_passed_on_ && waiting().empty(); }

 private:
  static constexpr size_t kKept = 2048;

  std::vector<uint8_t> bytes_;
  size_t sent_ = 0;
  bool ended_ = false;
  bool end_passed_on_ = false;
};

}  // namespace turnpike::server
