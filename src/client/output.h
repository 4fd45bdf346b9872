// What a session wants sent and told: packets in one arena, and events.
//
// The owner hands an Output to each call, acts on it and clears it; one Output serves any number of
// sessions in turn. It keeps its memory, so a steady flow allocates nothing.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "client/events.h"

namespace turnpike::client {

class Output {
 public:
  // Room for a packet of at most `size` bytes, valid until the next call of a non-const member.
  ByteSpan room(size_t size) {
    if (bytes_.size() < used_ + size) bytes_.resize(used_ + size);
    return ByteSpan(bytes_).subspan(used_, size);
  }
  // The first `size` bytes of that room are a packet.
  void add_packet(size_t size) {
    packets_.push_back({used_, size});
    used_ += size;
  }
  void add_packet(ByteView packet) {
    const ByteSpan out = room(packet.size());
    std::copy(packet.begin(), packet.end(), out.begin());
    add_packet(packet.size());
  }
  void add_event(const Event& event) { events_.push_back(event); }

  [[nodiscard]] size_t packet_count() const { return packets_.size(); }
  // Valid until the next call of a non-const member.
  [[nodiscard]] ByteView packet(size_t i) const {
    return ByteView(bytes_).subspan(packets_[i].offset, packets_[i].size);
  }
  // Views in events live as long as the packet that the session was given.
  [[nodiscard]] std::span<const Event> events() const { return events_; }

  void clear() {
    used_ = 0;
    packets_.clear();
    events_.clear();
  }

 private:
  struct Extent {
    size_t offset;
    size_t size;
  };
  std::vector<uint8_t> bytes_;
  size_t used_ = 0;
  std::vector<Extent> packets_;
  std::vector<Event> events_;
};

}  // namespace turnpike::client
