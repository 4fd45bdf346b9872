// Requests from forged sources move counters and nothing else.
#include <gtest/gtest.h>

#include "support/allocation_guard.h"
#include "support/core_driver.h"

namespace turnpike::turn {
namespace {

using stun::Method;
using testing::CoreClient;
using testing::CoreDriver;

ClientRoute forged(uint32_t i) {
  return {{},
          {Transport::udp,
           {Ip::v4(0x0b000000 + i * 2654435761U % 0x01000000), static_cast<uint16_t>(i)},
           testing::endpoint("192.0.2.1:3478")}};
}

TEST(Flood, OfUnauthenticatedRequestsLeavesMemoryWhereItWas) {
  CoreDriver core;
  core.hold_keys = true;
  const testing::Bytes bare =
      testing::make_request(Method::allocate, [](auto& b) { b.add_requested_transport(17); });
  const testing::Bytes guessed = testing::make_request(
      Method::allocate,
      testing::Credentials{"alice", "turnpike", "obMatJos2wAAAabcdefghijklmnopqrst", "secret"},
      [](auto& b) { b.add_requested_transport(17); });
  const testing::Bytes binding = testing::make_request(Method::binding);

  const auto flood = [&](uint32_t from, uint32_t count) {
    for (uint32_t i = from; i < from + count; ++i) {
      core.client_packet(forged(i), i % 3 == 0 ? bare : i % 3 == 1 ? guessed : binding);
      if (i % 1000 == 0) core.run(seconds(1));
    }
  };
  flood(0, 10'000);
  const testing::AllocationGuard guard;
  flood(10'000, 100'000);

  EXPECT_EQ(core.server->allocations(), 0U);
  EXPECT_EQ(core.server->waiting(), 0U);
  EXPECT_EQ(core.ports.requests().size(), 0U);
  EXPECT_EQ(core.quota.total(), 0U);
  EXPECT_LE(guard.bytes_held(), 4096);
  EXPECT_EQ(balance_of(core), testing::Balance());
}

TEST(Flood, FromOneAddressIsAnsweredAtTheRateAndLetsARealClientThrough) {
  CoreDriver core;
  const testing::Bytes bare =
      testing::make_request(Method::allocate, [](auto& b) { b.add_requested_transport(17); });
  CoreClient attacker(core, "8.8.8.8:1");
  size_t answers = 0;
  for (int i = 0; i < 50'000; ++i) answers += attacker.exchange(bare) ? 1U : 0U;
  EXPECT_EQ(answers, 2000U + 48'000 / 16);

  CoreClient neighbour(core, "8.8.8.8:2");
  int tries = 0;
  while (!neighbour.exchange(bare)) ASSERT_LT(++tries, 16);
}

}  // namespace
}  // namespace turnpike::turn
