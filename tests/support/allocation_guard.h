// Counts the heap allocations of the calling thread and the bytes that they hold, to assert that a
// path makes none, or leaves none behind. It works under sanitizers as well.
//
// A test program that lists the CMake target `turnpike_test_allocation` gets global operators new
// and delete that count; memory that C code takes with malloc is not seen.
#pragma once

#include <cstddef>
#include <cstdint>

namespace turnpike::testing {

class AllocationGuard {
 public:
  AllocationGuard();

  // Since construction, on this thread.
  [[nodiscard]] uint64_t news() const;
  [[nodiscard]] uint64_t deletes() const;
  // What is held more than at construction; below zero when more was given back.
  [[nodiscard]] ptrdiff_t bytes_held() const;

 private:
  uint64_t news_at_start_;
  uint64_t deletes_at_start_;
  ptrdiff_t bytes_at_start_;
};

}  // namespace turnpike::testing
