#include <cstdlib>

#include <gtest/gtest.h>

#include "sim/world.h"

namespace turnpike::sim {
namespace {

// The seeds of a run: one of the environment's, or those given.
std::vector<uint64_t> seeds(std::initializer_list<uint64_t> usual) {
  const char* chosen = std::getenv("TEST_SIM_SEED");
  if (chosen != nullptr) return {std::strtoull(chosen, nullptr, 10)};
  return usual;
}

// Runs a world to its end and fails with what is needed to see it again.
World::Totals live(const WorldOptions& options, Duration time) {
  World world(options);
  world.run(time);
  world.settle();
  EXPECT_EQ(world.violation(), "") << "TEST_SIM_SEED=" << options.seed;
  return world.totals();
}

TEST(Smoke, KeepsEveryInvariant) {
  for (const uint64_t seed : seeds({1, 2, 3})) {
    const World::Totals totals = live({.seed = seed}, seconds(1200));
    // A world in which nothing happens proves nothing.
    EXPECT_GT(totals.allocations, 50U);
    EXPECT_GT(totals.to_peers, 1000U);
    EXPECT_GT(totals.to_clients, 1000U);
    EXPECT_GT(totals.in_process, 100U);
    EXPECT_GT(totals.dropped_without_permission, 100U);
  }
}

TEST(Smoke, KeepsThemOnTerribleLinks) {
  for (const uint64_t seed : seeds({11})) {
    const LinkQuality terrible = {Duration(0), milliseconds(1500), 250, 250};
    live({.seed = seed, .link = terrible}, seconds(1200));
  }
}

TEST(Smoke, KeepsThemWithOneWorkerAndWithThree) {
  for (const uint64_t seed : seeds({21})) {
    live({.seed = seed, .shards = 1}, seconds(600));
    live({.seed = seed, .shards = 3}, seconds(600));
  }
}

TEST(Smoke, KeepsThemWhenEverythingIsScarce) {
  for (const uint64_t seed : seeds({31, 32})) {
    WorldOptions options = {.seed = seed, .clients = 20};
    options.settings.quota = {6, 14};
    options.settings.max_permissions = 3;
    options.settings.max_channels = 2;
    options.settings.nonce_lifetime = seconds(30);
    options.settings.max_lifetime = seconds(700);
    live(options, seconds(1200));
  }
}

TEST(Smoke, KeepsThemWhenRatesAreLow) {
  for (const uint64_t seed : seeds({61, 62})) {
    WorldOptions options = {.seed = seed, .shards = 3, .pause_max = seconds(1), .capacity = 2000};
    options.settings.session.bytes_per_s = 600;
    const World::Totals totals = live(options, seconds(300));
    EXPECT_GT(totals.over_session_rate, 200U);
    EXPECT_GT(totals.over_capacity, 100U);
    EXPECT_GT(totals.to_peers, 500U);
    EXPECT_GT(totals.in_process, 100U);
  }
}

TEST(Smoke, KeepsThemWhenClientsMove) {
  for (const uint64_t seed : seeds({41, 42})) {
    WorldOptions options = {.seed = seed, .shards = 3};
    options.settings.mobility = true;
    const World::Totals totals = live(options, seconds(1200));
    EXPECT_GT(totals.moves, 50U);
    EXPECT_GT(totals.forwarded, 200U);
    EXPECT_GT(totals.held_late, 0U);
    EXPECT_GT(totals.to_clients, 500U);
  }
}

TEST(Smoke, KeepsThemWhenClientsMoveOverTerribleLinksAndEverythingIsScarce) {
  for (const uint64_t seed : seeds({51})) {
    WorldOptions options = {.seed = seed,
                            .shards = 2,
                            .clients = 20,
                            .link = {Duration(0), milliseconds(1500), 250, 250}};
    options.settings.mobility = true;
    options.settings.quota = {6, 14};
    options.settings.max_lifetime = seconds(700);
    live(options, seconds(1200));
  }
}

TEST(Trace, IsTheSameForTheSameSeed) {
  const auto trace_of = [](uint64_t seed) {
    World world({.seed = seed});
    world.run(seconds(120));
    EXPECT_EQ(world.violation(), "");
    return world.trace();
  };
  EXPECT_EQ(trace_of(7), trace_of(7));
  EXPECT_NE(trace_of(7), trace_of(8));
}

TEST(Soak, KeepsEveryInvariantForADay) {
  if (std::getenv("TEST_SIM_SOAK") == nullptr) {
    GTEST_SKIP() << "a day takes minutes; set TEST_SIM_SOAK";
  }
  for (const uint64_t seed : seeds({101, 102, 103})) {
    live({.seed = seed, .pause_max = seconds(8)}, std::chrono::hours(24));
  }
}

}  // namespace
}  // namespace turnpike::sim
