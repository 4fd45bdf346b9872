// The one source of random numbers: a ChaCha20 key stream, seeded by the operating system or, in
// tests and simulation, by a number.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/keyed_hash.h"

namespace turnpike {

// Not thread-safe: one per worker.
class RandomSource {
 public:
  RandomSource();                        // Seeded by the operating system; aborts if it cannot be.
  explicit RandomSource(uint64_t seed);  // Repeatable: for tests and simulation only.
  ~RandomSource();
  RandomSource(RandomSource&&) noexcept;
  RandomSource& operator=(RandomSource&&) noexcept;

  void fill(ByteSpan out);
  uint64_t next();
  // Uniform in [0, bound). Requires bound > 0.
  uint64_t below(uint64_t bound);
  HashKey hash_key() { return {next(), next()}; }

  template <size_t N>
  std::array<uint8_t, N> bytes() {
    std::array<uint8_t, N> out;
    fill(out);
    return out;
  }

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace turnpike
