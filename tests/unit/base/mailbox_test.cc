#include "base/mailbox.h"

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace turnpike {
namespace {

TEST(Mailbox, HandsLettersOverInOrder) {
  Mailbox<int> box(10, [] {});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(box.send(int{i}));
  std::vector<int> letters;
  box.take_all(letters);
  EXPECT_EQ(letters, (std::vector<int>{0, 1, 2}));
  letters.clear();
  box.take_all(letters);
  EXPECT_TRUE(letters.empty());
}

TEST(Mailbox, RefusesBeyondItsCapacityAndLeavesTheLetter) {
  Mailbox<std::unique_ptr<int>> box(2, [] {});
  EXPECT_TRUE(box.send(std::make_unique<int>(1)));
  EXPECT_TRUE(box.send(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  EXPECT_FALSE(box.send(std::move(third)));
  ASSERT_NE(third,
            nullptr);  // NOLINT(bugprone-use-after-move): that it was not moved is the point.
  std::vector<std::unique_ptr<int>> letters;
  box.take_all(letters);
  EXPECT_TRUE(box.send(std::move(third)));
}

TEST(Mailbox, TakesWhatMustArriveBeyondItsCapacity) {
  Mailbox<int> box(1, [] {});
  EXPECT_TRUE(box.send(1));
  box.send_in_any_case(2);
  EXPECT_FALSE(box.send(3));
  std::vector<int> letters;
  box.take_all(letters);
  EXPECT_EQ(letters, (std::vector{1, 2}));
}

TEST(Mailbox, RingsOnlyWhenItWasEmpty) {
  int rings = 0;
  Mailbox<int> box(10, [&rings] { ++rings; });
  EXPECT_TRUE(box.send(1));
  EXPECT_TRUE(box.send(2));
  EXPECT_EQ(rings, 1);
  std::vector<int> letters;
  box.take_all(letters);
  EXPECT_TRUE(box.send(3));
  EXPECT_EQ(rings, 2);
}

TEST(Mailbox, RefusedLetterDoesNotRing) {
  int rings = 0;
  Mailbox<int> box(0, [&rings] { ++rings; });
  EXPECT_FALSE(box.send(1));
  EXPECT_EQ(rings, 0);
}

TEST(Mailbox, MayBeTakenFromWithinTheBell) {
  std::vector<int> letters;
  Mailbox<int>* self = nullptr;
  Mailbox<int> box(10, [&] { self->take_all(letters); });
  self = &box;
  EXPECT_TRUE(box.send(5));
  EXPECT_EQ(letters, std::vector<int>{5});
}

TEST(Mailbox, LosesNothingBetweenThreads) {
  constexpr int kSenders = 4;
  constexpr int kLetters = 2000;
  Mailbox<int> box(64, [] {});
  std::vector<std::thread> senders;
  for (int s = 0; s < kSenders; ++s) {
    senders.emplace_back([&box] {
      for (int i = 0; i < kLetters; ++i) {
        while (!box.send(int{i})) std::this_thread::yield();
      }
    });
  }
  int64_t sum = 0;
  int taken = 0;
  std::vector<int> letters;
  while (taken < kSenders * kLetters) {
    box.take_all(letters);
    EXPECT_LE(letters.size(), 64U);
    for (const int letter : letters) sum += letter;
    taken += static_cast<int>(letters.size());
    letters.clear();
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(sum, int64_t{kSenders} * kLetters * (kLetters - 1) / 2);
}

}  // namespace
}  // namespace turnpike
