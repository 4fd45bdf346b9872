#include "base/slab.h"

#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "support/allocation_guard.h"

namespace turnpike {
namespace {

struct Counted {
  explicit Counted(int& alive_count, int number = 0) : alive(alive_count), value(number) {
    ++alive;
  }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int& alive;
  int value;
};

TEST(Slab, FindsWhatItHolds) {
  Slab<int> slab;
  const SlabHandle one = slab.emplace(1);
  const SlabHandle two = slab.emplace(2);
  EXPECT_NE(one, two);
  EXPECT_EQ(*slab.find(one), 1);
  EXPECT_EQ(*slab.find(two), 2);
  EXPECT_EQ(slab.size(), 2U);
}

TEST(Slab, UnknownHandlesFindNothing) {
  Slab<int> slab;
  EXPECT_FALSE(SlabHandle{}.valid());
  EXPECT_EQ(slab.find(SlabHandle{}), nullptr);
  EXPECT_EQ(slab.find({0, 0}), nullptr);
  const SlabHandle handle = slab.emplace(1);
  EXPECT_TRUE(handle.valid());
  EXPECT_EQ(slab.find({handle.index, handle.generation + 1}), nullptr);
  EXPECT_EQ(slab.find({handle.index + 1, 0}), nullptr);
  EXPECT_EQ(slab.find({1'000'000, 0}), nullptr);
}

TEST(Slab, StaleHandleFindsNothingWhenThePlaceIsUsedAgain) {
  Slab<int> slab;
  const SlabHandle old = slab.emplace(1);
  slab.erase(old);
  EXPECT_EQ(slab.find(old), nullptr);
  const SlabHandle fresh = slab.emplace(2);
  EXPECT_EQ(fresh.index, old.index);
  EXPECT_EQ(slab.find(old), nullptr);
  EXPECT_EQ(*slab.find(fresh), 2);
}

TEST(SlabDeathTest, ErasingAStaleHandleStopsTheProcess) {
  Slab<int> slab;
  const SlabHandle handle = slab.emplace(1);
  slab.erase(handle);
  EXPECT_DEATH(slab.erase(handle), "CHECK failed");
}

TEST(Slab, DestroysEveryObjectOnce) {
  int alive = 0;
  {
    Slab<Counted, 4> slab;
    std::vector<SlabHandle> handles;
    for (int i = 0; i < 10; ++i) handles.push_back(slab.emplace(alive));
    EXPECT_EQ(alive, 10);
    slab.erase(handles[3]);
    EXPECT_EQ(alive, 9);
  }
  EXPECT_EQ(alive, 0);
}

TEST(Slab, AddressesStayWhenItGrows) {
  Slab<int, 4> slab;
  const SlabHandle first = slab.emplace(7);
  const int* address = slab.find(first);
  for (int i = 0; i < 1000; ++i) slab.emplace(i);
  EXPECT_EQ(slab.find(first), address);
}

TEST(Slab, GivesItsChunksBackWhenItEmpties) {
  struct Big {
    std::array<uint8_t, 1000> bytes{};
  };
  Slab<Big, 8> slab;
  std::vector<SlabHandle> handles;
  testing::AllocationGuard guard;
  for (int i = 0; i < 800; ++i) handles.push_back(slab.emplace());
  const uint64_t news = guard.news();
  EXPECT_GE(news, 100U);
  const testing::AllocationGuard erasing;
  for (const SlabHandle handle : handles) slab.erase(handle);
  EXPECT_GE(erasing.deletes(), 98U);
  EXPECT_EQ(slab.size(), 0U);
}

TEST(Slab, HandlesFromBeforeAChunkWasGivenBackStayStale) {
  Slab<int, 4> slab;
  std::vector<SlabHandle> old;
  for (int round = 0; round < 20; ++round) {
    std::vector<SlabHandle> handles;
    for (int i = 0; i < 64; ++i) handles.push_back(slab.emplace(i));
    for (const SlabHandle handle : old) EXPECT_EQ(slab.find(handle), nullptr);
    for (const SlabHandle handle : handles) slab.erase(handle);
    old.insert(old.end(), handles.begin(), handles.end());
  }
}

TEST(Slab, SteadyLoadDoesNotAllocate) {
  Slab<int> slab;
  std::vector<SlabHandle> handles;
  for (int i = 0; i < 256; ++i) handles.push_back(slab.emplace(i));
  const testing::AllocationGuard guard;
  for (size_t i = 0; i < 10'000; ++i) {
    slab.erase(handles[i % handles.size()]);
    handles[i % handles.size()] = slab.emplace(1);
  }
  EXPECT_EQ(guard.news(), 0U);
}

TEST(Slab, VisitsEachLiveObjectWithItsHandle) {
  Slab<int, 4> slab;
  std::map<uint32_t, int> expected;
  std::vector<SlabHandle> handles;
  for (int i = 0; i < 20; ++i) handles.push_back(slab.emplace(i));
  for (size_t i = 0; i < handles.size(); i += 3) slab.erase(handles[i]);
  int visited = 0;
  slab.for_each([&](SlabHandle handle, int& value) {
    EXPECT_EQ(slab.find(handle), &value);
    EXPECT_NE(value % 3, 0);
    ++visited;
  });
  EXPECT_EQ(visited, 13);
}

TEST(Slab, VisitMayEraseEverything) {
  Slab<int, 4> slab;
  for (int i = 0; i < 1000; ++i) slab.emplace(i);
  int visited = 0;
  slab.for_each([&](SlabHandle handle, int&) {
    slab.erase(handle);
    ++visited;
  });
  EXPECT_EQ(visited, 1000);
  EXPECT_EQ(slab.size(), 0U);
}

TEST(Slab, FirstVisitMayEraseEverything) {
  Slab<int, 4> slab;
  std::vector<SlabHandle> handles;
  for (int i = 0; i < 1000; ++i) handles.push_back(slab.emplace(i));
  int visited = 0;
  slab.for_each([&](SlabHandle, int&) {
    for (const SlabHandle handle : handles) slab.erase(handle);
    handles.clear();
    ++visited;
  });
  EXPECT_EQ(visited, 1);
}

struct LooksItselfUp {
  explicit LooksItselfUp(Slab<LooksItselfUp>& home, bool& found_self)
      : slab(home), found(found_self) {}
  ~LooksItselfUp() { found = slab.find(self) != nullptr; }
  LooksItselfUp(const LooksItselfUp&) = delete;
  LooksItselfUp& operator=(const LooksItselfUp&) = delete;
  Slab<LooksItselfUp>& slab;
  bool& found;
  SlabHandle self;
};

TEST(Slab, ObjectIsGoneWhileItsDestructorRuns) {
  bool found = true;
  Slab<LooksItselfUp> slab;
  const SlabHandle handle = slab.emplace(slab, found);
  slab.find(handle)->self = handle;
  slab.erase(handle);
  EXPECT_FALSE(found);
}

TEST(Slab, AgreesWithAModelOverRandomOperations) {
  RandomSource random(11);
  int alive = 0;
  Slab<Counted, 8> slab;
  std::vector<std::pair<SlabHandle, int>> live;
  std::vector<SlabHandle> dead;
  for (int i = 0; i < 30'000; ++i) {
    // Long phases of growing and of shrinking, so that chunks come and go.
    const bool growing = (i / 1500) % 2 == 0;
    if (live.empty() || random.below(10) < (growing ? 7U : 2U)) {
      live.emplace_back(slab.emplace(alive, i), i);
    } else {
      const size_t at = random.below(live.size());
      slab.erase(live[at].first);
      dead.push_back(live[at].first);
      live[at] = live.back();
      live.pop_back();
    }
    if (!live.empty()) {
      const auto& [handle, value] = live[random.below(live.size())];
      ASSERT_NE(slab.find(handle), nullptr);
      ASSERT_EQ(slab.find(handle)->value, value);
    }
    if (!dead.empty()) {
      ASSERT_EQ(slab.find(dead[random.below(dead.size())]), nullptr);
    }
    ASSERT_EQ(slab.size(), live.size());
    ASSERT_EQ(static_cast<size_t>(alive), live.size());
  }
}

}  // namespace
}  // namespace turnpike
