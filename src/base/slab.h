// Slab<T>: objects at stable addresses, named by handles that can't dangle.
//
// A handle is an index and a generation; a handle whose object is gone finds nothing. Storage is
// in chunks, and empty chunks go back to the system once most of the slab is empty.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/check.h"

namespace turnpike {

struct SlabHandle {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;

  [[nodiscard]] bool valid() const { return index != UINT32_MAX; }
  friend bool operator==(const SlabHandle&, const SlabHandle&) = default;
};

template <typename T, size_t kChunkSize = 64>
class Slab {
 public:
  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (auto& chunk : chunks_) {
      if (!chunk) continue;
      for (Slot& slot : *chunk) {
        if (slot.live) slot.object()->~T();
      }
    }
  }

  template <typename... Args>
  SlabHandle emplace(Args&&... args) {
    if (free_.empty()) grow();
    const uint32_t index = free_.back();
    free_.pop_back();
    Slot& slot = slot_at(index);
    new (&slot.storage) T(std::forward<Args>(args)...);
    slot.live = true;
    ++size_;
    ++live_in_chunk_[index / kChunkSize];
    return {index, slot.generation};
  }

  // nullptr when the handle is stale or was never valid.
  T* find(SlabHandle handle) {
    const size_t chunk = handle.index / kChunkSize;
    if (chunk >= chunks_.size() || !chunks_[chunk]) return nullptr;
    Slot& slot = (*chunks_[chunk])[handle.index % kChunkSize];
    return slot.live && slot.generation == handle.generation ? slot.object() : nullptr;
  }

  // Requires a live handle. While the destructor runs the handle is stale already.
  void erase(SlabHandle handle) {
    T* object = find(handle);
    CHECK(object != nullptr);
    Slot& slot = slot_at(handle.index);
    slot.live = false;
    ++slot.generation;
    object->~T();
    --size_;
    free_.push_back(handle.index);
    if (--live_in_chunk_[handle.index / kChunkSize] == 0) maybe_shrink();
  }

  [[nodiscard]] size_t size() const { return size_; }

  // `visit` may erase any object; one that it adds may or may not be visited.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (size_t c = 0; c < chunks_.size(); ++c) {
      // An erase may give the chunk back under our feet.
      for (size_t i = 0; i < kChunkSize && chunks_[c]; ++i) {
        Slot& slot = (*chunks_[c])[i];
        if (slot.live) {
          visit(SlabHandle{static_cast<uint32_t>(c * kChunkSize + i), slot.generation},
                *slot.object());
        }
      }
    }
  }

 private:
  struct Slot {
    // In front, so that a lookup and the object's first members share a cache line.
    uint32_t generation = 0;
    bool live = false;
    alignas(T) std::array<std::byte, sizeof(T)> storage;
    T* object() { return std::launder(reinterpret_cast<T*>(&storage)); }
  };
  using Chunk = std::array<Slot, kChunkSize>;

  Slot& slot_at(uint32_t index) { return (*chunks_[index / kChunkSize])[index % kChunkSize]; }

  void grow() {
    size_t at = 0;
    while (at < chunks_.size() && chunks_[at]) ++at;
    if (at == chunks_.size()) {
      chunks_.emplace_back();
      live_in_chunk_.push_back(0);
      base_generation_.push_back(0);
    }
    chunks_[at] = std::make_unique<Chunk>();
    for (size_t i = kChunkSize; i-- > 0;) {
      (*chunks_[at])[i].generation = base_generation_[at];
      free_.push_back(static_cast<uint32_t>(at * kChunkSize + i));
    }
  }

  // Gives empty chunks back once most of the slab is empty, so that a steady load never pays.
  void maybe_shrink() {
    if (free_.size() < 2 * kChunkSize || free_.size() < 2 * size_) return;
    bool dropped = false;
    for (size_t c = 0; c < chunks_.size(); ++c) {
      if (!chunks_[c] || live_in_chunk_[c] != 0) continue;
      uint32_t highest = base_generation_[c];
      for (const Slot& slot : *chunks_[c]) highest = std::max(highest, slot.generation);
      base_generation_[c] = highest + 1;
      chunks_[c].reset();
      dropped = true;
    }
    if (!dropped) return;
    std::erase_if(free_, [this](uint32_t index) { return !chunks_[index / kChunkSize]; });
    free_.shrink_to_fit();
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<uint32_t> live_in_chunk_;
  std::vector<uint32_t> base_generation_;  // For a chunk that was dropped and comes back.
  std::vector<uint32_t> free_;
  size_t size_ = 0;
};

}  // namespace turnpike
