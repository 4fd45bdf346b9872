#include "base/source_log_gate.h"

#include <gtest/gtest.h>

namespace turnpike {
namespace {

constexpr Instant kStart{seconds(1000)};

class SourceLogGateTest : public ::testing::Test {
 protected:
  int64_t pass(const char* source, Duration after = {}) {
    return gate_.pass(*Ip::parse(source), kStart + after);
  }

  SourceLogGate gate_{HashKey{1, 2}, milliseconds(20), 100};
};

TEST_F(SourceLogGateTest, LetsOneLineASourceThroughAPeriodAndCountsTheRest) {
  EXPECT_EQ(pass("9.9.9.9"), 0);
  EXPECT_EQ(pass("9.9.9.9"), -1);
  EXPECT_EQ(pass("9.9.9.9", milliseconds(19)), -1);
  EXPECT_EQ(pass("9.9.9.9", milliseconds(20)), 2);
  EXPECT_EQ(pass("9.9.9.9", milliseconds(40)), 0);
}

TEST_F(SourceLogGateTest, HidesNoSourceBehindTheNoiseOfAnother) {
  for (int i = 0; i < 1000; ++i) pass("9.9.9.9");
  EXPECT_EQ(pass("8.8.8.8"), 0);
  EXPECT_EQ(pass("2001:db8::1"), 0);
}

TEST_F(SourceLogGateTest, TellsSourcesApartThatShareAPlace) {
  SourceLogGate all(HashKey{1, 2}, seconds(3600), 1'000'000);
  for (uint8_t i = 0; i < 40; ++i) {
    for (int j = 0; j < 250; ++j) {
      const Ip ip = Ip::from_v4(std::array<uint8_t, 4>{10, 0, i, static_cast<uint8_t>(j)});
      EXPECT_GE(all.pass(ip, kStart), 0) << ip.to_string();
    }
  }
}

TEST_F(SourceLogGateTest, TakesAnIpv6PrefixForOneSource) {
  EXPECT_EQ(pass("2001:db8::1"), 0);
  EXPECT_EQ(pass("2001:db8:0:ff::1"), -1);
  EXPECT_EQ(pass("2001:db8:0:100::1"), 0);
}

TEST_F(SourceLogGateTest, LetsSoManyThroughASecondAndNoMore) {
  int passed = 0;
  for (uint8_t i = 0; i < 250; ++i) {
    for (uint8_t j = 0; j < 4; ++j) {
      passed += gate_.pass(Ip::from_v4(std::array<uint8_t, 4>{i, j, 0, 0}), kStart) >= 0 ? 1 : 0;
    }
  }
  EXPECT_EQ(passed, 100);
  EXPECT_EQ(pass("9.9.9.9"), -1);
  EXPECT_GE(pass("9.9.9.9", seconds(1)), 1);
}

// A hundred sources of one IPv6 /48, and of one IPv4 /24, are too few to hide everybody.
TEST_F(SourceLogGateTest, HidesHardlyANetworkBehindTheNoiseOfAnother) {
  const auto passed = [this](const std::string& before, const std::string& after, int count) {
    int lines = 0;
    for (int i = 0; i < count; ++i) {
      lines += pass((before + std::to_string(i) + after).c_str()) >= 0 ? 1 : 0;
    }
    return lines;
  };
  EXPECT_EQ(passed("2001:db8:0:", "00::1", 100), 55);
  EXPECT_EQ(passed("10.0.0.", "", 100), 3);
  EXPECT_GE(passed("9.", ".9.9", 16), 12);
}

}  // namespace
}  // namespace turnpike
