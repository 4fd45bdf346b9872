#include "net/narrow_paths.h"

#include <gtest/gtest.h>

namespace turnpike::net {
namespace {

constexpr Instant kStart{std::chrono::hours(5)};

TEST(NarrowPaths, RemembersForAMinute) {
  NarrowPaths paths(HashKey{.k0 = 1, .k1 = 2});
  const Ip ip = *Ip::parse("192.0.2.1");
  EXPECT_FALSE(paths.has(ip, kStart));
  paths.add(ip, kStart);
  EXPECT_TRUE(paths.has(ip, kStart + seconds(59)));
  EXPECT_FALSE(paths.has(ip, kStart + seconds(60)));
}

TEST(NarrowPaths, SaysNothingAboutOthers) {
  NarrowPaths paths(HashKey{.k0 = 1, .k1 = 2});
  paths.add(*Ip::parse("192.0.2.1"), kStart);
  for (uint32_t i = 2; i < 1000; ++i) {
    EXPECT_FALSE(paths.has(Ip::v4(0xc0000200 + i), kStart)) << i;
  }
}

}  // namespace
}  // namespace turnpike::net
