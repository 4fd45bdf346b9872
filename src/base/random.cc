#include "base/random.h"

#include <algorithm>
#include <cstring>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/check.h"

namespace turnpike {

struct RandomSource::Stream {
  explicit Stream(const std::array<uint8_t, 32>& key) : context(EVP_CIPHER_CTX_new()) {
    constexpr std::array<uint8_t, 16> kZeroIv{};
    CHECK(context != nullptr);
    CHECK(EVP_EncryptInit_ex(context, EVP_chacha20(), nullptr, key.data(), kZeroIv.data()) == 1);
  }
  ~Stream() { EVP_CIPHER_CTX_free(context); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void refill() {
    constexpr std::array<uint8_t, 512> kZeros{};
    int size = 0;
    CHECK(EVP_EncryptUpdate(context, block.data(), &size, kZeros.data(),
                            static_cast<int>(kZeros.size())) == 1);
    used = 0;
  }

  EVP_CIPHER_CTX* context;
  std::array<uint8_t, 512> block{};
  size_t used = block.size();
};

RandomSource::RandomSource() {
  std::array<uint8_t, 32> key{};
  CHECK(RAND_bytes(key.data(), static_cast<int>(key.size())) == 1);
  stream_ = std::make_unique<Stream>(key);
}

RandomSource::RandomSource(uint64_t seed) {
  std::array<uint8_t, 32> key{};
  std::memcpy(key.data(), &seed, sizeof(seed));
  stream_ = std::make_unique<Stream>(key);
}

RandomSource::~RandomSource() = default;
RandomSource::RandomSource(RandomSource&&) noexcept = default;
RandomSource& RandomSource::operator=(RandomSource&&) noexcept = default;

void RandomSource::fill(ByteSpan out) {
  while (!out.empty()) {
    if (stream_->used == stream_->block.size()) stream_->refill();
    const size_t size = std::min(out.size(), stream_->block.size() - stream_->used);
    const auto from = stream_->block.begin() + static_cast<ptrdiff_t>(stream_->used);
    std::copy_n(from, size, out.begin());
    // What was handed out is not kept.
    std::fill_n(from, size, uint8_t{0});
    stream_->used += size;
    out = out.subspan(size);
  }
}

uint64_t RandomSource::next() {
  const auto raw = bytes<8>();
  uint64_t value = 0;
  std::memcpy(&value, raw.data(), sizeof(value));
  return value;
}

uint64_t RandomSource::below(uint64_t bound) {
  CHECK(bound > 0);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  uint64_t value = next();
  while (value >= limit) value = next();
  return value % bound;
}

}  // namespace turnpike
