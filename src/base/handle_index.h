// HandleIndex: finds the objects of a slab by a key that they hold themselves.
//
// A table of a piece of the hash and a handle, and nothing else: a lookup touches the line of the
// table that the hash names and then the object, which has to be touched anyway and knows whether
// it is the one. Collisions go to the next place. An erase closes the gap at once, so that no
// number of erases makes lookups slower, and memory goes back when most of the table is empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/slab.h"

namespace turnpike {

// `hash` is always that of the object's key. Keys that a stranger may choose want a keyed hash.
class HandleIndex {
 public:
  // What `match(handle)`, which answers a pointer, says of the first object with this hash that it
  // does not answer nullptr for; nullptr: there is none.
  template <typename Match>
  [[nodiscard]] auto find(uint64_t hash, Match&& match) const {
    using Found = std::invoke_result_t<Match, SlabHandle>;
    if (places_.empty()) return Found(nullptr);
    const uint32_t piece = piece_of(hash);
    for (size_t at = piece & mask(); places_[at].handle.valid(); at = (at + 1) & mask()) {
      if (places_[at].piece != piece) continue;
      if (const Found found = match(places_[at].handle)) return found;
    }
    return Found(nullptr);
  }

  // An object may be filed several times, under different keys.
  void insert(uint64_t hash, SlabHandle handle) {
    if ((size_ + 1) * 2 > places_.size()) resize(std::max(kMinPlaces, places_.size() * 2));
    put({.piece = piece_of(hash), .handle = handle});
    ++size_;
  }

  // False: it is not filed there.
  bool erase(uint64_t hash, SlabHandle handle) {
    if (places_.empty()) return false;
    const uint32_t piece = piece_of(hash);
    size_t at = piece & mask();
    while (places_[at].piece != piece || places_[at].handle != handle) {
      if (!places_[at].handle.valid()) return false;
      at = (at + 1) & mask();
    }
    close_gap(at);
    --size_;
    if (places_.size() > kMinPlaces && size_ * 8 < places_.size()) resize(places_.size() / 2);
    return true;
  }

  [[nodiscard]] size_t size() const { return size_; }
  // For how many objects there is memory now.
  [[nodiscard]] size_t capacity() const { return places_.size() / 2; }

 private:
  static constexpr size_t kMinPlaces = 16;

  // An invalid handle: the place is free.
  struct Place {
    uint32_t piece = 0;
    SlabHandle handle;
  };

  // The low bits say where the place ought to be, so that the table is enlarged without a look at
  // the objects.
  static uint32_t piece_of(uint64_t hash) { return static_cast<uint32_t>(hash); }
  [[nodiscard]] size_t mask() const { return places_.size() - 1; }

  void put(const Place& place) {
    size_t at = place.piece & mask();
    while (places_[at].handle.valid()) at = (at + 1) & mask();
    places_[at] = place;
  }

  // Moves up what stands behind the gap only because of what stood in it.
  void close_gap(size_t gap) {
    for (size_t at = (gap + 1) & mask(); places_[at].handle.valid(); at = (at + 1) & mask()) {
      const size_t distance = (at - places_[at].piece) & mask();
      if (distance < ((at - gap) & mask())) continue;
      places_[gap] = places_[at];
      gap = at;
    }
    places_[gap] = {};
  }

  void resize(size_t places) {
    const std::vector<Place> old = std::exchange(places_, std::vector<Place>(places));
    for (const Place& place : old) {
      if (place.handle.valid()) put(place);
    }
  }

  std::vector<Place> places_;  // A power of two, at most half full; none before the first insert.
  size_t size_ = 0;
};

}  // namespace turnpike
