#include "base/timer_wheel.h"

#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace turnpike {
namespace {

constexpr Instant kWheelStart = Instant{} + seconds(10'000);

Instant at(double second) {
  return kWheelStart + Duration(static_cast<int64_t>(second * 1e9));
}

// Counts how often the wheel handed the node out up to `now`.
int popped(TimerWheel& wheel, Instant now) {
  int count = 0;
  wheel.advance(now, [&](TimerNode&) { ++count; });
  return count;
}

TEST(TimerWheel, ComesUpAtOrWithinASecondAfterTheDeadline) {
  for (const double deadline : {0.0, 0.001, 0.5, 0.999, 1.0, 1.5, 59.0, 600.25, 4000.0}) {
    TimerWheel wheel(kWheelStart);
    TimerNode node;
    wheel.schedule(node, at(deadline));
    EXPECT_EQ(popped(wheel, at(deadline) - Duration(1)), 0) << deadline;
    EXPECT_EQ(popped(wheel, at(deadline) + seconds(1)), 1) << deadline;
    EXPECT_FALSE(node.linked());
  }
}

TEST(TimerWheel, ADeadlineInThePastComesUpAtTheNextTick) {
  TimerWheel wheel(kWheelStart);
  TimerNode node;
  wheel.schedule(node, Instant{});
  EXPECT_EQ(popped(wheel, at(0.9)), 0);
  EXPECT_EQ(popped(wheel, at(1.0)), 1);
}

TEST(TimerWheel, BeyondTheHorizonComesUpThereAndCanBeFiledAgain) {
  TimerWheel wheel(kWheelStart);
  TimerNode node;
  const Instant deadline = kWheelStart + std::chrono::hours(24);
  int early = 0;
  int due = 0;
  wheel.schedule(node, deadline);
  for (int64_t second = 1; second <= 24 * 3600 + 1; ++second) {
    const Instant now = kWheelStart + seconds(second);
    wheel.advance(now, [&](TimerNode& popped_node) {
      if (now < deadline) {
        ++early;
        wheel.schedule(popped_node, deadline);
      } else {
        ++due;
      }
    });
  }
  EXPECT_EQ(due, 1);
  EXPECT_EQ(early, 24 * 3600 / (TimerWheel::kSlots - 1));
}

TEST(TimerWheel, DeadlineOfMaximumIsNoOverflow) {
  TimerWheel wheel(kWheelStart);
  TimerNode node;
  wheel.schedule(node, Instant::max());
  EXPECT_EQ(popped(wheel, kWheelStart + seconds(TimerWheel::kSlots - 2)), 0);
  EXPECT_EQ(popped(wheel, kWheelStart + seconds(TimerWheel::kSlots - 1)), 1);
}

TEST(TimerWheel, AfterALongPauseEveryNodeComesUpOnce) {
  TimerWheel wheel(kWheelStart);
  std::vector<std::unique_ptr<TimerNode>> nodes;
  for (int i = 0; i < 5000; ++i) {
    nodes.push_back(std::make_unique<TimerNode>());
    wheel.schedule(*nodes.back(), kWheelStart + seconds(i));
  }
  EXPECT_EQ(popped(wheel, kWheelStart + std::chrono::hours(1000)), 5000);
}

TEST(TimerWheel, WorksOnAfterALongPause) {
  TimerWheel wheel(kWheelStart);
  const Instant later = kWheelStart + std::chrono::hours(1000);
  EXPECT_EQ(popped(wheel, later), 0);
  TimerNode node;
  wheel.schedule(node, later + seconds(10));
  EXPECT_EQ(popped(wheel, later + seconds(9)), 0);
  EXPECT_EQ(popped(wheel, later + seconds(11)), 1);
}

TEST(TimerWheel, TimeThatGoesBackDoesNothing) {
  TimerWheel wheel(kWheelStart);
  TimerNode node;
  wheel.schedule(node, at(5));
  EXPECT_EQ(popped(wheel, kWheelStart - seconds(100)), 0);
  EXPECT_EQ(popped(wheel, at(6)), 1);
}

TEST(TimerWheel, SchedulingAgainMovesTheNode) {
  TimerWheel wheel(kWheelStart);
  TimerNode node;
  wheel.schedule(node, at(5));
  wheel.schedule(node, at(100));
  EXPECT_EQ(popped(wheel, at(50)), 0);
  EXPECT_EQ(popped(wheel, at(101)), 1);
}

TEST(TimerWheel, UnlinkedNodeNeverComesUp) {
  TimerWheel wheel(kWheelStart);
  TimerNode node;
  wheel.schedule(node, at(5));
  EXPECT_TRUE(node.linked());
  node.unlink();
  EXPECT_FALSE(node.linked());
  node.unlink();
  EXPECT_EQ(popped(wheel, at(100)), 0);
}

TEST(TimerWheel, NodeLeavesWhenItIsDestroyed) {
  TimerWheel wheel(kWheelStart);
  {
    TimerNode node;
    wheel.schedule(node, at(5));
  }
  EXPECT_EQ(popped(wheel, at(100)), 0);
}

TEST(TimerWheel, NodesOutliveTheWheel) {
  TimerNode node;
  {
    TimerWheel wheel(kWheelStart);
    wheel.schedule(node, at(5));
  }
  EXPECT_FALSE(node.linked());
}

TEST(TimerWheel, DueMayDestroyTheNodeAndItsNeighbours) {
  TimerWheel wheel(kWheelStart);
  std::vector<std::unique_ptr<TimerNode>> nodes;
  for (int i = 0; i < 10; ++i) {
    nodes.push_back(std::make_unique<TimerNode>());
    wheel.schedule(*nodes.back(), at(5));
  }
  int count = 0;
  wheel.advance(at(6), [&](TimerNode&) {
    ++count;
    nodes.clear();
  });
  EXPECT_EQ(count, 1);
}

TEST(TimerWheel, DueMayFileTheNodeForNowWithoutLoopingForEver) {
  TimerWheel wheel(kWheelStart);
  TimerNode node;
  wheel.schedule(node, at(0));
  int count = 0;
  wheel.advance(at(10), [&](TimerNode& again) {
    ++count;
    wheel.schedule(again, at(0));
  });
  EXPECT_EQ(count, 10);
  EXPECT_TRUE(node.linked());
}

// An owner as the wheel's header asks for: it compares the real deadline and files itself again.
struct Owner {
  TimerNode node;
  Instant deadline;
  bool alive = false;
};

TEST(TimerWheel, AgreesWithAModelOverRandomOperations) {
  RandomSource random(5);
  TimerWheel wheel(kWheelStart);
  std::vector<Owner> owners(300);
  Instant now = kWheelStart;
  for (int step = 0; step < 40'000; ++step) {
    Owner& owner = owners[random.below(owners.size())];
    const auto ahead = Duration(static_cast<int64_t>(random.below(9000) * 1'000'000'007));
    switch (random.below(6)) {
      case 0:
      case 1:
        owner.deadline = now + ahead;
        owner.alive = true;
        wheel.schedule(owner.node, owner.deadline);
        break;
      case 2:
        // Extending is one store and no wheel operation.
        owner.deadline += ahead;
        break;
      case 3:
        owner.node.unlink();
        owner.alive = false;
        break;
      default: {
        const bool long_pause = random.below(200) == 0;
        now += Duration(static_cast<int64_t>(random.below(long_pause ? 20'000 : 20) * 700'000'000));
        wheel.advance(now, [&](TimerNode& node) {
          for (Owner& popped_owner : owners) {
            if (&popped_owner.node != &node) continue;
            ASSERT_TRUE(popped_owner.alive);
            if (popped_owner.deadline > now) {
              wheel.schedule(node, popped_owner.deadline);
            } else {
              popped_owner.alive = false;
            }
          }
        });
        for (const Owner& each : owners) {
          ASSERT_EQ(each.alive, each.node.linked());
          // Nobody stays more than the second of the wheel's grain beyond the deadline.
          if (each.alive) {
            ASSERT_GT(each.deadline + seconds(1), now);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace turnpike
