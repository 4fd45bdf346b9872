#include "base/handle_index.h"

#include <optional>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "support/allocation_guard.h"

namespace turnpike {
namespace {

// Objects whose key is a number and whose hash is whatever the test wants.
class HandleIndexTest : public ::testing::Test {
 protected:
  SlabHandle add(uint64_t hash, int key) {
    const SlabHandle handle = objects_.emplace(key);
    index_.insert(hash, handle);
    return handle;
  }
  void erase(uint64_t hash, SlabHandle handle) {
    EXPECT_TRUE(index_.erase(hash, handle));
    objects_.erase(handle);
  }
  std::optional<int> find(uint64_t hash, int key) {
    const int* found = index_.find(hash, [&](SlabHandle handle) {
      const int* object = objects_.find(handle);
      EXPECT_NE(object, nullptr) << "an object that is gone is still filed";
      return object != nullptr && *object == key ? object : nullptr;
    });
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  Slab<int> objects_;
  HandleIndex index_;
};

TEST_F(HandleIndexTest, AnEmptyOneFindsNothingAndHasNoMemory) {
  const testing::AllocationGuard guard;
  EXPECT_EQ(find(1, 1), std::nullopt);
  EXPECT_FALSE(index_.erase(1, SlabHandle{0, 0}));
  EXPECT_EQ(guard.news(), 0U);
}

TEST_F(HandleIndexTest, FindsWhatWasFiledUnderThatHash) {
  const SlabHandle one = add(100, 1);
  add(200, 2);
  EXPECT_EQ(find(100, 1), 1);
  EXPECT_EQ(find(200, 2), 2);
  EXPECT_EQ(find(100, 2), std::nullopt);
  EXPECT_EQ(find(300, 1), std::nullopt);
  erase(100, one);
  EXPECT_EQ(find(100, 1), std::nullopt);
  EXPECT_EQ(find(200, 2), 2);
  EXPECT_EQ(index_.size(), 1U);
}

TEST_F(HandleIndexTest, OneHashMayBeThatOfSeveralObjects) {
  std::vector<SlabHandle> handles;
  for (int key = 0; key < 5; ++key) handles.push_back(add(7, key));
  for (int key = 0; key < 5; ++key) EXPECT_EQ(find(7, key), key);
  erase(7, handles[2]);
  for (int key = 0; key < 5; ++key) EXPECT_EQ(find(7, key).has_value(), key != 2) << key;
}

TEST_F(HandleIndexTest, OneObjectMayBeFiledUnderSeveralHashes) {
  const SlabHandle handle = add(1, 10);
  index_.insert(2, handle);
  EXPECT_EQ(find(1, 10), 10);
  EXPECT_EQ(find(2, 10), 10);
  EXPECT_TRUE(index_.erase(1, handle));
  EXPECT_EQ(find(1, 10), std::nullopt);
  EXPECT_EQ(find(2, 10), 10);
}

TEST_F(HandleIndexTest, ErasesOnlyWhatIsFiledThere) {
  const SlabHandle handle = add(1, 10);
  EXPECT_FALSE(index_.erase(1, SlabHandle{handle.index, handle.generation + 1}));
  EXPECT_FALSE(index_.erase(2, handle));
  EXPECT_EQ(find(1, 10), 10);
}

// What stands behind an erased place may be there because of it, or because it belongs there; also
// where the table's end is in between.
TEST_F(HandleIndexTest, AGapIsClosedWithoutLosingWhatStandsBehindIt) {
  for (size_t first = 0; first < 16; ++first) {
    // Four that want the same place, then one each that wants a place that those have taken.
    const std::vector<uint64_t> hashes = {first,     first,     first,    first,
                                          first + 1, first + 2, first + 6};
    for (size_t victim = 0; victim < hashes.size(); ++victim) {
      std::vector<SlabHandle> handles;
      for (size_t i = 0; i < hashes.size(); ++i) {
        handles.push_back(add(hashes[i] % 16, static_cast<int>(i)));
      }
      erase(hashes[victim] % 16, handles[victim]);
      for (size_t i = 0; i < hashes.size(); ++i) {
        EXPECT_EQ(find(hashes[i] % 16, static_cast<int>(i)).has_value(), i != victim)
            << first << ' ' << victim << ' ' << i;
        if (i != victim) erase(hashes[i] % 16, handles[i]);
      }
    }
  }
  EXPECT_EQ(index_.size(), 0U);
}

TEST_F(HandleIndexTest, ComingAndGoingWithoutEndTakesNoMoreMemory) {
  RandomSource random(5);
  std::vector<std::pair<uint64_t, SlabHandle>> live;
  for (int i = 0; i < 100; ++i) {
    live.emplace_back(random.next(), SlabHandle{});
    live.back().second = add(live.back().first, i);
  }
  const size_t capacity = index_.capacity();
  const testing::AllocationGuard guard;
  for (int i = 0; i < 100'000; ++i) {
    auto& [hash, handle] = live[random.below(live.size())];
    erase(hash, handle);
    hash = random.next();
    handle = add(hash, i);
  }
  EXPECT_EQ(guard.news(), 0U);
  EXPECT_EQ(index_.capacity(), capacity);
}

TEST_F(HandleIndexTest, GivesItsMemoryBackAfterAPeak) {
  RandomSource random(6);
  const testing::AllocationGuard guard;
  std::vector<std::pair<uint64_t, SlabHandle>> live(10'000);
  const ptrdiff_t before = guard.bytes_held();
  for (size_t i = 0; i < live.size(); ++i) {
    live[i] = {random.next(), SlabHandle{static_cast<uint32_t>(i), 0}};
    index_.insert(live[i].first, live[i].second);
  }
  EXPECT_LE(guard.bytes_held() - before, 48 * 10'000) << "at most four places of 12 bytes each";
  for (const auto& [hash, handle] : live) EXPECT_TRUE(index_.erase(hash, handle));
  EXPECT_LE(guard.bytes_held() - before, 16 * 12);
}

TEST_F(HandleIndexTest, AgreesWithAModelOverRandomOperations) {
  RandomSource random(12);
  // Few keys and few hashes, so that what is asked for is often there and chains grow long.
  const auto hash_of = [](int key) { return static_cast<uint64_t>(key / 3) * 0x9e3779b9U; };
  std::unordered_map<int, SlabHandle> model;
  for (int i = 0; i < 60'000; ++i) {
    const bool growing = (i / 3000) % 2 == 0;
    const int key = static_cast<int>(random.below(3000));
    const auto known = model.find(key);
    if (known == model.end() && random.below(10) < (growing ? 9U : 2U)) {
      model.emplace(key, add(hash_of(key), key));
    } else if (known != model.end() && random.below(10) < (growing ? 1U : 8U)) {
      erase(hash_of(key), known->second);
      model.erase(known);
    }
    ASSERT_EQ(index_.size(), model.size());
    const int asked = static_cast<int>(random.below(3000));
    ASSERT_EQ(find(hash_of(asked), asked).has_value(), model.count(asked) != 0) << i;
    if (i % 1000 != 0) continue;
    for (int each = 0; each < 3000; ++each) {
      ASSERT_EQ(find(hash_of(each), each).has_value(), model.count(each) != 0) << i;
    }
  }
}

}  // namespace
}  // namespace turnpike
