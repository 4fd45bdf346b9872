#include "net/event_memory.h"

#include <cstdint>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace turnpike::net {
namespace {

TEST(SlotPool, SlotsLieSideBySide) {
  SlotPool pool(1000);
  const auto* const first = static_cast<std::byte*>(pool.take());
  for (size_t i = 1; i < 1000; ++i) {
    EXPECT_EQ(static_cast<std::byte*>(pool.take()), first + i * SlotPool::kSlotSize);
  }
}

TEST(SlotPool, SlotsFitEveryType) {
  SlotPool pool(3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pool.take()) % alignof(std::max_align_t), 0U);
  }
}

TEST(SlotPool, HasNoMoreThanItWasMadeFor) {
  SlotPool pool(2);
  void* const first = pool.take();
  EXPECT_NE(first, nullptr);
  EXPECT_NE(pool.take(), nullptr);
  EXPECT_EQ(pool.take(), nullptr);
  pool.give_back(first);
  EXPECT_EQ(pool.take(), first);
}

TEST(SlotPool, KnowsItsOwn) {
  SlotPool pool(2);
  SlotPool other(2);
  const int elsewhere = 0;
  EXPECT_TRUE(pool.has(pool.take()));
  EXPECT_TRUE(pool.has(pool.take()));
  EXPECT_FALSE(pool.has(other.take()));
  EXPECT_FALSE(pool.has(&elsewhere));
  EXPECT_FALSE(pool.has(nullptr));
}

TEST(SlotPool, NobodyGetsWhatIsTaken) {
  SlotPool pool(100);
  std::set<void*> taken;
  for (int round = 0; round < 50; ++round) {
    while (taken.size() < 100) ASSERT_TRUE(taken.insert(pool.take()).second);
    for (int i = 0; i < 37; ++i) pool.give_back(taken.extract(taken.begin()).value());
  }
}

TEST(SlotPool, ServesSeveralThreads) {
  SlotPool pool(400);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pool] {
      for (int round = 0; round < 200; ++round) {
        std::vector<int*> mine;
        for (int i = 0; i < 100; ++i) {
          mine.push_back(static_cast<int*>(pool.take()));
          ASSERT_NE(mine.back(), nullptr);
          *mine.back() = i;
        }
        for (int i = 0; i < 100; ++i) {
          EXPECT_EQ(*mine[static_cast<size_t>(i)], i);
          pool.give_back(mine[static_cast<size_t>(i)]);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace turnpike::net
