#include "net/event_loop.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/mailbox.h"
#include "net/clock.h"

namespace turnpike::net {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds.data()), 0);
    near = Fd(fds[0]);
    far = Fd(fds[1]);
  }
  void send() const { EXPECT_EQ(::write(far.get(), "x", 1), 1); }
  void read() const {
    char byte = 0;
    EXPECT_EQ(::read(near.get(), &byte, 1), 1);
  }
  Fd near;
  Fd far;
};

TEST(EventLoop, CallsBackWhenADescriptorIsReadable) {
  EventLoop loop;
  const Pair pair;
  int calls = 0;
  const Watch watch = loop.watch(pair.near.get(), [&] {
    pair.read();
    ++calls;
  });
  loop.run_turn(Duration::zero());
  EXPECT_EQ(calls, 0);
  pair.send();
  loop.run_turn(seconds(5));
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, TurnEndsWhileADescriptorStaysReadable) {
  EventLoop loop;
  const Pair pair;
  int calls = 0;
  const Watch watch = loop.watch(pair.near.get(), [&] { ++calls; });
  pair.send();
  loop.run_turn(Duration::zero());
  loop.run_turn(seconds(5));
  EXPECT_EQ(calls, 2);
}

// The shortest of many, since whoever else uses the processor makes any of them longer.
TEST(EventLoop, APreciseWaitIsNotRoundedUpToAMillisecond) {
  EventLoop loop(EventLoop::Waits::precise);
  Duration shortest = Duration::max();
  for (int i = 0; i < 100; ++i) {
    const Instant began = monotonic_now();
    loop.run_turn(std::chrono::microseconds(100));
    shortest = std::min(shortest, monotonic_now() - began);
  }
  EXPECT_GE(shortest, std::chrono::microseconds(50));
  EXPECT_LT(shortest, std::chrono::microseconds(900));
}

TEST(EventLoop, TurnEndsAfterItsWaitWithNothingToDo) {
  EventLoop loop;
  const Pair pair;
  const Watch watch = loop.watch(pair.near.get(), [] {});
  const Instant start = monotonic_now();
  loop.run_turn(milliseconds(20));
  const Duration waited = monotonic_now() - start;
  EXPECT_GE(waited, milliseconds(15));
  EXPECT_LT(waited, seconds(2));
}

TEST(EventLoop, ResetWatchIsNotCalled) {
  EventLoop loop;
  const Pair pair;
  int calls = 0;
  Watch watch = loop.watch(pair.near.get(), [&] { ++calls; });
  pair.send();
  watch.reset();
  loop.run_turn(Duration::zero());
  EXPECT_EQ(calls, 0);
  EXPECT_FALSE(watch);
}

TEST(EventLoop, CallbackMayDestroyItsOwnWatch) {
  EventLoop loop;
  const Pair pair;
  const auto witness = std::make_shared<int>(0);
  Watch watch;
  watch = loop.watch(pair.near.get(), [&watch, witness] {
    watch.reset();
    // The captures must still be there.
    ++*witness;
  });
  pair.send();
  loop.run_turn(Duration::zero());
  EXPECT_EQ(*witness, 1);
  EXPECT_EQ(witness.use_count(), 1) << "the entry was freed when the turn was over";
}

TEST(EventLoop, CallbackMayDestroyAWatchThatIsAboutToBeCalled) {
  EventLoop loop;
  const Pair one;
  const Pair two;
  int calls = 0;
  Watch first;
  Watch second;
  first = loop.watch(one.near.get(), [&] {
    second.reset();
    ++calls;
  });
  second = loop.watch(two.near.get(), [&] {
    first.reset();
    ++calls;
  });
  one.send();
  two.send();
  loop.run_turn(Duration::zero());
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, WritableWatchIsCalled) {
  EventLoop loop;
  const Pair pair;
  int calls = 0;
  const Watch watch = loop.watch_writable(pair.near.get(), [&] { ++calls; });
  loop.run_turn(seconds(5));
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, PeriodComesAgainAndAgain) {
  EventLoop loop;
  int calls = 0;
  const Watch watch = loop.every(milliseconds(5), [&] { ++calls; });
  const Instant start = monotonic_now();
  while (calls < 3 && monotonic_now() - start < seconds(5)) loop.run_turn(seconds(1));
  EXPECT_EQ(calls, 3);
  EXPECT_GE(monotonic_now() - start, milliseconds(12));
}

TEST(EventLoop, SignalIsDeliveredInATurn) {
  EventLoop loop;
  int calls = 0;
  const Watch watch = loop.on_signal(SIGUSR2, [&] { ++calls; });
  ASSERT_EQ(::raise(SIGUSR2), 0);
  loop.run_turn(seconds(5));
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, RefusesToWatchWhatIsNotADescriptor) {
  EventLoop loop;
  EXPECT_FALSE(loop.watch(1 << 20, [] {}));
}

TEST(Doorbell, WakesTheLoopFromAnotherThread) {
  EventLoop loop;
  int rings = 0;
  const std::optional<Doorbell> bell = loop.make_doorbell([&] { ++rings; });
  ASSERT_TRUE(bell);
  std::thread other([&] { bell->ring(); });
  loop.run_turn(seconds(10));
  other.join();
  EXPECT_EQ(rings, 1);
}

TEST(Doorbell, RingsMeltIntoOne) {
  EventLoop loop;
  int rings = 0;
  const std::optional<Doorbell> bell = loop.make_doorbell([&] { ++rings; });
  for (int i = 0; i < 100; ++i) bell->ring();
  loop.run_turn(Duration::zero());
  loop.run_turn(Duration::zero());
  EXPECT_EQ(rings, 1);
}

TEST(Doorbell, ServesAMailbox) {
  EventLoop loop;
  std::vector<int> got;
  std::optional<Doorbell> bell;
  Mailbox<int> box(10, [&] { bell->ring(); });
  bell = loop.make_doorbell([&] { box.take_all(got); });
  std::thread other([&] { EXPECT_TRUE(box.send(7)); });
  loop.run_turn(seconds(10));
  other.join();
  EXPECT_EQ(got, std::vector<int>{7});
}

}  // namespace
}  // namespace turnpike::net
