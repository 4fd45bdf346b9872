#include "auth/quota.h"

#include <array>
#include <atomic>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace turnpike::auth {
namespace {

constexpr QuotaLimits kNone = {};

TEST(QuotaLedger, HasNoLimitUnlessItIsGivenOne) {
  QuotaLedger ledger;
  std::vector<QuotaLease> leases;
  for (int i = 0; i < 1000; ++i) {
    leases.push_back(ledger.take("r", "alice", kNone));
    ASSERT_TRUE(leases.back());
  }
  EXPECT_EQ(ledger.total(), 1000U);
  EXPECT_EQ(ledger.held_by("r", "alice"), 1000U);
}

TEST(QuotaLedger, AdmitsExactlyTheUsersLimit) {
  QuotaLedger ledger;
  const QuotaLimits limits = {2, 0};
  const QuotaLease first = ledger.take("r", "alice", limits);
  const QuotaLease second = ledger.take("r", "alice", limits);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(ledger.take("r", "alice", limits));
  EXPECT_EQ(ledger.total(), 2U);
}

TEST(QuotaLedger, CountsEachUserAlone) {
  QuotaLedger ledger;
  const QuotaLimits limits = {1, 0};
  const QuotaLease alice = ledger.take("r", "alice", limits);
  const QuotaLease bob = ledger.take("r", "bob", limits);
  EXPECT_TRUE(alice && bob);
}

TEST(QuotaLedger, AdmitsExactlyTheTotal) {
  QuotaLedger ledger;
  const QuotaLimits limits = {0, 2};
  const QuotaLease alice = ledger.take("r", "alice", limits);
  const QuotaLease bob = ledger.take("r", "bob", limits);
  EXPECT_TRUE(alice && bob);
  EXPECT_FALSE(ledger.take("r", "carol", limits));
  EXPECT_EQ(ledger.held_by("r", "carol"), 0U);
}

TEST(QuotaLease, GivesItsPlaceBackWhenItGoes) {
  QuotaLedger ledger;
  const QuotaLimits limits = {1, 1};
  { const QuotaLease lease = ledger.take("r", "alice", limits); }
  EXPECT_EQ(ledger.total(), 0U);
  EXPECT_EQ(ledger.held_by("r", "alice"), 0U);
  EXPECT_TRUE(ledger.take("r", "alice", limits));
}

TEST(QuotaLease, TakesItsPlaceAlongWhenItMoves) {
  QuotaLedger ledger;
  QuotaLease first = ledger.take("r", "alice", kNone);
  QuotaLease second = std::move(first);
  first.reset();
  EXPECT_EQ(ledger.total(), 1U);
  QuotaLease other = ledger.take("r", "bob", kNone);
  other = std::move(second);
  EXPECT_EQ(ledger.held_by("r", "bob"), 0U);
  EXPECT_EQ(ledger.held_by("r", "alice"), 1U);
  other.reset();
  other.reset();
  EXPECT_EQ(ledger.total(), 0U);
}

TEST(QuotaLedger, CountsEachRealmAlone) {
  QuotaLedger ledger;
  const QuotaLimits limits = {.per_user = 1, .total = 2};
  auto first = ledger.take("r", "alice", limits);
  auto second = ledger.take("r", "bob", limits);
  EXPECT_FALSE(ledger.take("r", "carol", limits));
  auto third = ledger.take("s", "alice", limits);
  EXPECT_TRUE(third);
  EXPECT_FALSE(ledger.take("s", "alice", limits));
  EXPECT_EQ(ledger.total(), 3U);
  EXPECT_EQ(ledger.held_by("s", "alice"), 1U);
  first.reset();
  third.reset();
  EXPECT_EQ(ledger.held_by("s", "alice"), 0U);
  EXPECT_EQ(ledger.total(), 1U);
}

TEST(QuotaLedger, ForgetsAUserWhoHoldsNothing) {
  QuotaLedger ledger;
  // What a refused user leaves behind would otherwise grow with every name that is tried.
  const QuotaLimits none_left = {0, 1};
  const QuotaLease held = ledger.take("r", "alice", none_left);
  EXPECT_FALSE(ledger.take("r", "bob", none_left));
  EXPECT_EQ(ledger.held_by("r", "bob"), 0U);
}

TEST(QuotaLedger, AdmitsExactlyTheLimitToManyThreads) {
  constexpr uint64_t kLimit = 100;
  QuotaLedger ledger;
  std::atomic<uint64_t> admitted{0};
  std::vector<std::vector<QuotaLease>> kept(4);
  std::vector<std::thread> threads;
  for (std::vector<QuotaLease>& leases : kept) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        QuotaLease lease = ledger.take("r", "alice", {kLimit, 0});
        if (!lease) continue;
        admitted.fetch_add(1);
        leases.push_back(std::move(lease));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted.load(), kLimit);
  EXPECT_EQ(ledger.total(), kLimit);
}

// Eight who ask at the same time, a thousand times: exactly the limit gets in, whoever it is.
TEST(QuotaLedger, AdmitsExactlyTheLimitToEightAtOnceAThousandTimes) {
  constexpr size_t kClients = 8;
  constexpr size_t kLimit = 5;
  constexpr int kRounds = 1000;
  QuotaLedger ledger;
  std::array<QuotaLease, kClients> leases;
  std::barrier begin(kClients + 1);
  std::barrier end(kClients + 1);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        begin.arrive_and_wait();
        leases[i] = ledger.take("r", "user" + std::to_string(i % 2), {4, kLimit});
        end.arrive_and_wait();
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    begin.arrive_and_wait();
    end.arrive_and_wait();
    size_t admitted = 0;
    for (QuotaLease& lease : leases) {
      admitted += lease ? 1U : 0U;
      lease.reset();
    }
    ASSERT_EQ(admitted, kLimit) << "round " << round;
    ASSERT_EQ(ledger.total(), 0U);
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(QuotaLedger, IsEmptyAfterManyThreadsTookAndGaveBack) {
  QuotaLedger ledger;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string own = "user" + std::to_string(t % 2);
      for (int i = 0; i < 2000; ++i) {
        const QuotaLease shared = ledger.take("r", "shared", {3, 0});
        const QuotaLease lease = ledger.take("r", own, {0, 5});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ledger.total(), 0U);
  EXPECT_EQ(ledger.held_by("r", "shared"), 0U);
  EXPECT_EQ(ledger.held_by("r", "user0"), 0U);
}

}  // namespace
}  // namespace turnpike::auth
