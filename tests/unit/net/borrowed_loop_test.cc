// A loop on somebody else's event_base, and calls that come once.
#include <memory>
#include <vector>

#include <event2/event.h>
#include <gtest/gtest.h>

#include "net/event_loop.h"
#include "net/resolver.h"

namespace turnpike::net {
namespace {

struct FreeBase {
  void operator()(event_base* base) const { event_base_free(base); }
};
using Base = std::unique_ptr<event_base, FreeBase>;

TEST(EventLoop, CallsBackOnceAfterAWait) {
  EventLoop loop;
  int calls = 0;
  const Watch once = loop.after(Duration::zero(), [&calls] { ++calls; });
  const Watch later = loop.after(milliseconds(5), [&calls] { calls += 10; });
  while (calls < 11) loop.run_turn(EventLoop::kForever);
  loop.run_turn(Duration::zero());
  EXPECT_EQ(calls, 11);
}

TEST(EventLoop, DoesNotCallBackWhenTheWatchIsGone) {
  EventLoop loop;
  int calls = 0;
  Watch gone = loop.after(Duration::zero(), [&calls] { ++calls; });
  gone.reset();
  loop.run_turn(Duration::zero());
  EXPECT_EQ(calls, 0);
}

TEST(BorrowedLoop, WorksOnAForeignBase) {
  const Base base(event_base_new());
  EventLoop loop(*base);
  int calls = 0;
  const Watch once = loop.after(Duration::zero(), [&calls] { ++calls; });
  event_base_dispatch(base.get());
  EXPECT_EQ(calls, 1);
}

TEST(BorrowedLoop, ACallbackMayEndItsOwnWatch) {
  const Base base(event_base_new());
  EventLoop loop(*base);
  std::vector<int> order;
  Watch period;
  period = loop.every(milliseconds(1), [&] {
    const std::vector<int> touched_after_the_end(100, 7);
    period.reset();
    order.push_back(touched_after_the_end.back());
  });
  event_base_dispatch(base.get());
  EXPECT_EQ(order, std::vector<int>{7});
}

TEST(BorrowedLoop, ACallbackMayEndTheLoopItself) {
  const Base base(event_base_new());
  auto loop = std::make_unique<EventLoop>(*base);
  auto watch = std::make_unique<Watch>();
  bool called = false;
  *watch = loop->after(Duration::zero(), [&] {
    bool& outside = called;
    watch.reset();
    loop.reset();
    outside = true;
  });
  event_base_dispatch(base.get());
  EXPECT_TRUE(called);
}

TEST(Resolver, AnswersAddressesLaterAndNotFromWithin) {
  EventLoop loop;
  Resolver resolver(loop);
  std::vector<Ip> found;
  resolver.resolve("203.0.113.1", std::nullopt, [&found](const Resolver::Addresses& addresses) {
    found = addresses.value_or(std::vector<Ip>());
  });
  resolver.resolve("2001:db8::1", std::nullopt, [&found](const Resolver::Addresses& addresses) {
    found.push_back(addresses->front());
  });
  EXPECT_TRUE(found.empty());
  while (found.size() < 2) loop.run_turn(EventLoop::kForever);
  EXPECT_EQ(found[0].to_string(), "203.0.113.1");
  EXPECT_EQ(found[1].to_string(), "2001:db8::1");
}

TEST(Resolver, ReadsTheHostsFile) {
  EventLoop loop;
  Resolver resolver(loop);
  std::optional<bool> loopback;
  resolver.resolve("localhost", std::nullopt, [&loopback](const Resolver::Addresses& addresses) {
    loopback = addresses && addresses->front().is_loopback();
  });
  EXPECT_FALSE(loopback);
  while (!loopback) loop.run_turn(EventLoop::kForever);
  EXPECT_TRUE(*loopback);
}

TEST(Resolver, DoesNotCallBackAfterItsEnd) {
  EventLoop loop;
  bool called = false;
  {
    Resolver resolver(loop);
    for (const char* name : {"localhost", "203.0.113.1", "a-name.invalid"}) {
      resolver.resolve(name, std::nullopt,
                       [&called](const Resolver::Addresses&) { called = true; });
    }
  }
  for (int i = 0; i < 5; ++i) loop.run_turn(Duration::zero());
  EXPECT_FALSE(called);
}

TEST(Resolver, ACallbackMayEndIt) {
  EventLoop loop;
  auto resolver = std::make_unique<Resolver>(loop);
  bool called = false;
  resolver->resolve("localhost", std::nullopt, [&](const Resolver::Addresses&) {
    bool& outside = called;
    resolver.reset();
    outside = true;
  });
  while (!called) loop.run_turn(EventLoop::kForever);
  EXPECT_EQ(resolver, nullptr);
}

}  // namespace
}  // namespace turnpike::net
