#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/load_options.h"
#include "cli/load_pacer.h"
#include "cli/load_payload.h"
#include "cli/load_stats.h"
#include "cli/server_usage.h"
#include "run_command.h"

namespace turnpike::cli {
namespace {

using std::chrono::microseconds;

constexpr Instant kStart{seconds(10)};

std::vector<uint8_t> payload_of(size_t size, uint64_t run = 5) {
  std::vector<uint8_t> payload(size);
  write_load_payload({.run = run, .sent = 99, .client = 3, .number = 4}, payload);
  return payload;
}

TEST(LoadPayload, ComesBackAsItWasWritten) {
  for (const size_t size : {kMinLoadPayload, kMinLoadPayload + 1, size_t{172}, size_t{1100}}) {
    LoadHeader header;
    EXPECT_EQ(read_load_payload(payload_of(size), 5, header), LoadVerdict::good) << size;
    EXPECT_EQ(header.client, 3u);
    EXPECT_EQ(header.number, 4u);
    EXPECT_EQ(header.sent, 99);
  }
}

TEST(LoadPayload, DamageToAnyByteIsNoticed) {
  const std::vector<uint8_t> payload = payload_of(101);
  for (size_t i = 0; i < payload.size(); ++i) {
    std::vector<uint8_t> damaged = payload;
    damaged[i] ^= 1;
    LoadHeader header;
    EXPECT_NE(read_load_payload(damaged, 5, header), LoadVerdict::good) << i;
  }
}

TEST(LoadPayload, CutDatagramsAreDamaged) {
  const std::vector<uint8_t> payload = payload_of(101);
  for (size_t size = 0; size < payload.size(); ++size) {
    LoadHeader header;
    EXPECT_EQ(read_load_payload(ByteView(payload).first(size), 5, header), LoadVerdict::damaged);
  }
}

TEST(LoadPayload, OfAnotherRunIsForeign) {
  LoadHeader header;
  EXPECT_EQ(read_load_payload(payload_of(100, 6), 5, header), LoadVerdict::foreign);
}

TEST(LoadHistogram, QuantilesAreRightToThreePercent) {
  Histogram histogram;
  for (int i = 1; i <= 100'000; ++i) histogram.add(microseconds(i));
  EXPECT_EQ(histogram.count(), 100'000u);
  for (const double share : {0.01, 0.5, 0.99}) {
    const auto expected = static_cast<double>(microseconds(100'000).count()) * share;
    const double got = std::chrono::duration<double, std::micro>(histogram.quantile(share)).count();
    EXPECT_NEAR(got / expected, 1.0, 0.035) << share;
  }
  EXPECT_EQ(histogram.max(), microseconds(100'000));
  EXPECT_EQ(histogram.quantile(1.0), histogram.max());
}

TEST(LoadHistogram, HoldsTheShortestAndTheLongest) {
  Histogram histogram;
  histogram.add(Duration(0));
  histogram.add(std::chrono::hours(10));
  histogram.add(Duration(-5));
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.quantile(0.5), Duration(0));
  EXPECT_EQ(Histogram().quantile(0.5), Duration(0));
}

TEST(LoadHistogram, MergesAsIfAllHadBeenAddedToOne) {
  Histogram one;
  Histogram other;
  Histogram both;
  for (int i = 0; i < 1000; ++i) {
    (i % 2 == 0 ? one : other).add(microseconds(i * i));
    both.add(microseconds(i * i));
  }
  one.merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.quantile(0.9), both.quantile(0.9));
}

TEST(LoadSequence, TellsOrderDelayAndRepetitionApart) {
  using Kind = Sequence::Kind;
  Sequence sequence;
  EXPECT_EQ(sequence.see(0), Kind::in_order);
  EXPECT_EQ(sequence.see(1), Kind::in_order);
  EXPECT_EQ(sequence.see(1), Kind::repeated);
  EXPECT_EQ(sequence.see(5), Kind::in_order);
  EXPECT_EQ(sequence.see(3), Kind::late);
  EXPECT_EQ(sequence.see(3), Kind::repeated);
  EXPECT_EQ(sequence.see(1000), Kind::in_order);
  EXPECT_EQ(sequence.see(2), Kind::late);
}

TEST(LoadPacer, KeepsTheRateExactly) {
  Pacer pacer(kStart, milliseconds(20));
  uint64_t events = 0;
  for (Instant now = kStart; now < kStart + seconds(10); now += microseconds(777)) {
    events += pacer.due(now, 64);
  }
  EXPECT_EQ(events, 500u);
  EXPECT_EQ(pacer.missed(), 0u);
}

TEST(LoadPacer, DoesNotMakeUpForALongPause) {
  Pacer pacer(kStart, milliseconds(1));
  EXPECT_EQ(pacer.due(kStart + seconds(1), 64), 64u);
  EXPECT_EQ(pacer.missed(), 1001u - 64);
  EXPECT_EQ(pacer.due(kStart + seconds(1), 64), 0u);
}

TEST(LoadOptions, ShapesHaveTheirTraffic) {
  const std::vector<std::string> base = {"--host", "h", "--no-auth", "--shape"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = base;
    all.insert(all.end(), more.begin(), more.end());
    return parse_load_options(all);
  };
  const auto voice = with({"voice"});
  ASSERT_TRUE(voice);
  EXPECT_EQ(voice->period, milliseconds(20));
  EXPECT_EQ(voice->size, 172u);
  EXPECT_EQ(voice->direction, Direction::echo);

  const auto video = with({"video"});
  ASSERT_TRUE(video);
  EXPECT_EQ(video->burst, 10u);
  EXPECT_NEAR(std::chrono::duration<double>(video->period).count(), 1.0 / 30, 1e-6);

  const auto flood = with({"flood", "--rate", "50000", "--clients", "100"});
  ASSERT_TRUE(flood);
  EXPECT_EQ(flood->period, milliseconds(2));
}

TEST(LoadOptions, WhatAShapeDoesNotUseIsRefused) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--shape", "voice", "--rate", "5"},
                                             {"--shape", "video", "--burst", "5"},
                                             {"--shape", "flood", "--burst", "65"},
                                             {"--shape", "idle", "--size", "100"},
                                             {"--shape", "churn", "--direction", "up"},
                                             {"--shape", "loud"},
                                             {"--threads", "4", "--clients", "3"},
                                             {"--size", "1"}}) {
    std::vector<std::string> all = {"--host", "h", "--no-auth"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const CommandResult result = run_command(load, all);
    EXPECT_EQ(result.exit_code, kExitUsage);
    EXPECT_TRUE(result.errors.starts_with("turnpike load: ")) << result.errors;
  }
}

TEST(ServerUsage, SeesThisProcess) {
  const auto usage = server_usage(getpid());
  ASSERT_TRUE(usage);
  EXPECT_GT(usage->cpu, Duration::zero());
  EXPECT_GT(usage->resident, 1024u * 1024);
  EXPECT_GE(usage->resident, usage->anonymous);
  EXPECT_GE(usage->threads, 1u);
}

TEST(ServerUsage, KnowsNothingOfAProcessThatIsNot) {
  EXPECT_FALSE(server_usage(0x3fffffff));
}

}  // namespace
}  // namespace turnpike::cli
