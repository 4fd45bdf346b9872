#include "base/keyed_hash.h"

#include <bit>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/random.h"

namespace turnpike {
namespace {

uint64_t hash_words(const HashKey& key, const std::vector<uint64_t>& words) {
  KeyedHasher hasher(key);
  for (const uint64_t word : words) hasher.add_word(word);
  return hasher.finish();
}

uint64_t openssl_siphash_1_3(const HashKey& key, const std::vector<uint64_t>& words) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  unsigned c_rounds = 1;
  unsigned d_rounds = 3;
  size_t size = 8;
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
      OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds),
      OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
  std::array<uint8_t, 16> key_bytes;
  std::memcpy(key_bytes.data(), &key, sizeof(key));
  std::vector<uint8_t> data(words.size() * 8);
  if (!data.empty()) std::memcpy(data.data(), words.data(), data.size());
  EXPECT_EQ(EVP_MAC_init(context, key_bytes.data(), key_bytes.size(), parameters.data()), 1);
  EXPECT_EQ(EVP_MAC_update(context, data.data(), data.size()), 1);
  uint64_t result = 0;
  std::array<uint8_t, 8> out;
  EXPECT_EQ(EVP_MAC_final(context, out.data(), &size, out.size()), 1);
  std::memcpy(&result, out.data(), sizeof(result));
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  return result;
}

TEST(KeyedHash, IsSipHash13OfTheWords) {
  RandomSource random(1);
  for (size_t count = 0; count < 70; ++count) {
    const HashKey key = random.hash_key();
    std::vector<uint64_t> words(count);
    for (uint64_t& word : words) word = random.next();
    EXPECT_EQ(hash_words(key, words), openssl_siphash_1_3(key, words)) << count << " words";
  }
}

TEST(KeyedHash, DependsOnBothHalvesOfTheKey) {
  const std::vector<uint64_t> words = {42};
  EXPECT_NE(hash_words({1, 2}, words), hash_words({1, 3}, words));
  EXPECT_NE(hash_words({1, 2}, words), hash_words({0, 2}, words));
}

TEST(KeyedHash, LengthIsPartOfTheHash) {
  std::set<uint64_t> seen;
  std::vector<uint64_t> words;
  for (int i = 0; i < 100; ++i) {
    seen.insert(hash_words({1, 2}, words));
    words.push_back(0);
  }
  EXPECT_EQ(seen.size(), 100U);
}

TEST(KeyedHash, RangesOfEachLengthDiffer) {
  std::set<uint64_t> seen;
  const std::vector<uint8_t> zeros(600, 0);
  for (size_t size = 0; size <= zeros.size(); ++size) {
    KeyedHasher hasher({3, 4});
    hasher.add_range(zeros.data(), size);
    seen.insert(hasher.finish());
  }
  EXPECT_EQ(seen.size(), zeros.size() + 1);
}

TEST(KeyedHash, EveryByteOfARangeCounts) {
  std::vector<uint8_t> bytes(21, 7);
  std::set<uint64_t> seen;
  for (size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] ^= 1;
    KeyedHasher hasher({3, 4});
    hasher.add_range(bytes.data(), bytes.size());
    seen.insert(hasher.finish());
    bytes[at] ^= 1;
  }
  EXPECT_EQ(seen.size(), bytes.size());
}

// Keys as a stranger would choose them: neighbours.
TEST(KeyedHash, SpreadsNeighboursOverTheBuckets) {
  constexpr size_t kBuckets = 256;
  constexpr size_t kKeys = kBuckets * 100;
  std::vector<double> low(kBuckets);
  std::vector<double> high(kBuckets);
  for (size_t i = 0; i < kKeys; ++i) {
    const uint64_t hash = hash_words({0x1234, 0x5678}, {i});
    low[hash % kBuckets] += 1;
    high[hash >> 56] += 1;
  }
  // Chi-squared with 255 degrees of freedom: mean 255, deviation 22.6; five deviations.
  for (const auto& counts : {low, high}) {
    double chi = 0;
    for (const double count : counts) chi += (count - 100) * (count - 100) / 100;
    EXPECT_LT(chi, 255 + 5 * 22.6);
    EXPECT_GT(chi, 255 - 5 * 22.6);
  }
}

TEST(KeyedHash, OneBitChangesHalfOfTheHash) {
  int changed = 0;
  for (unsigned bit = 0; bit < 64; ++bit) {
    const uint64_t difference = hash_words({1, 2}, {0}) ^ hash_words({1, 2}, {uint64_t{1} << bit});
    changed += std::popcount(difference);
  }
  EXPECT_NEAR(changed / 64.0, 32.0, 3.0);
}

}  // namespace
}  // namespace turnpike
