#include "server/alternate_health.h"

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

using Answer = AlternateHealth::Result;

Endpoint address(int number) {
  return {Ip::v4(0xcb007100U + static_cast<uint32_t>(number)), 3478};
}
AlternateServer plain(int number) {
  return {address(number), {Transport::udp, Transport::tcp}};
}

class AlternateHealthTest : public ::testing::Test {
 protected:
  // Asks what is due and answers for `transports`; how many questions there were.
  size_t round(AlternateHealth& health, std::initializer_list<Transport> transports) {
    const auto due = health.take_due(now_);
    for (const size_t question : due) {
      const Transport about = health.question(question).transport;
      const bool answers =
          std::find(transports.begin(), transports.end(), about) != transports.end();
      health.on_result(question, answers ? Answer::answered : Answer::silent, now_, random_);
    }
    return due.size();
  }

  Instant now_{seconds(100)};
  RandomSource random_{1};
};

TEST_F(AlternateHealthTest, LeavesOutWhoHasNotAnsweredYet) {
  AlternateHealth health({plain(1)});
  EXPECT_TRUE(health.healthy().empty());
  EXPECT_EQ(health.take_due(now_).size(), 2U) << "each transport is asked";
  EXPECT_TRUE(health.healthy().empty());
}

TEST_F(AlternateHealthTest, NamesWhoAnswersWithTheTransportsOverWhichHeDoes) {
  AlternateHealth health({plain(1), {address(2), {Transport::tls, Transport::dtls}}});
  round(health, {Transport::udp, Transport::tls, Transport::dtls});
  const std::vector<AlternateServer> expected = {{address(1), {Transport::udp}},
                                                 {address(2), {Transport::tls, Transport::dtls}}};
  EXPECT_EQ(health.healthy(), expected);
}

TEST_F(AlternateHealthTest, AsksNoAddressOfItsOwnAndCountsItAsAnswering) {
  AlternateHealth health({plain(1), plain(2)});
  EXPECT_EQ(health.use_own({address(1), address(7)}), std::vector<Endpoint>{address(1)});
  EXPECT_TRUE(health.use_own({address(1)}).empty()) << "it is no news";
  EXPECT_EQ(round(health, {}), 2U) << "only the other one is asked";
  EXPECT_EQ(health.healthy(), std::vector<AlternateServer>{plain(1)});
  EXPECT_EQ(health.own(), std::vector<Endpoint>{address(1)});
}

TEST_F(AlternateHealthTest, AsksAnAddressThatIsItsOwnNoLonger) {
  AlternateHealth health({plain(1)});
  health.use_own({address(1)});
  health.use_own({});
  EXPECT_TRUE(health.healthy().empty());
  EXPECT_EQ(round(health, {Transport::udp}), 2U);
  EXPECT_EQ(health.healthy(), (std::vector<AlternateServer>{{address(1), {Transport::udp}}}));
}

TEST_F(AlternateHealthTest, DropsAndTakesBackAsTheAnswersSay) {
  AlternateHealth health({plain(1)});
  round(health, {Transport::udp, Transport::tcp});
  EXPECT_EQ(health.healthy().size(), 1U);
  now_ += seconds(5);
  round(health, {});
  EXPECT_TRUE(health.healthy().empty());
  now_ += seconds(5);
  round(health, {Transport::tcp});
  EXPECT_EQ(health.healthy(), (std::vector<AlternateServer>{{address(1), {Transport::tcp}}}));
}

TEST_F(AlternateHealthTest, TellsNewsAndNothingElse) {
  AlternateHealth health({{address(1), {Transport::udp}}});
  const auto result = [&](Answer what) {
    now_ += seconds(5);
    const auto due = health.take_due(now_);
    return health.on_result(due.at(0), what, now_, random_);
  };
  EXPECT_TRUE(result(Answer::silent)) << "the first one is news";
  EXPECT_FALSE(result(Answer::silent));
  EXPECT_TRUE(result(Answer::answered));
  EXPECT_FALSE(result(Answer::answered));
  EXPECT_TRUE(result(Answer::silent));
}

TEST_F(AlternateHealthTest, AsksAgainAfterAPeriodThatVaries) {
  AlternateHealth health({{address(1), {Transport::udp}}});
  Duration shortest = seconds(100);
  Duration longest{};
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(round(health, {Transport::udp}), 1U);
    const Instant asked = now_;
    while (health.take_due(now_).empty()) now_ += milliseconds(10);
    // What take_due() gave out is to be reported.
    health.on_result(0, Answer::answered, now_, random_);
    shortest = std::min(shortest, now_ - asked);
    longest = std::max(longest, now_ - asked);
    now_ += seconds(10);
  }
  EXPECT_GE(shortest, AlternateHealth::kPeriod);
  EXPECT_LE(longest, AlternateHealth::kPeriod + AlternateHealth::kJitter + milliseconds(10));
  EXPECT_LT(shortest + milliseconds(500), longest);
}

TEST_F(AlternateHealthTest, AsksOneQuestionAtATime) {
  AlternateHealth health({{address(1), {Transport::udp}}});
  EXPECT_EQ(health.take_due(now_).size(), 1U);
  now_ += seconds(60);
  EXPECT_TRUE(health.take_due(now_).empty());
}

TEST_F(AlternateHealthTest, AsksAServerThatIsNamedTwiceOnce) {
  AlternateHealth health({plain(1), plain(2), plain(1)});
  EXPECT_EQ(round(health, {Transport::udp, Transport::tcp}), 4U);
  EXPECT_EQ(health.healthy().size(), 3U) << "it has two shares";
}

}  // namespace
}  // namespace turnpike::server
