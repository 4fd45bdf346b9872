#include "client/discover_session.h"

#include <gtest/gtest.h>

#include "nat_lab.h"
#include "support/messages.h"

namespace turnpike::client {
namespace {

struct Finding {
  DiscoverResult result;
  Duration elapsed;
};

Finding discover(const LabNat& nat, const std::vector<LabServer>& servers, uint64_t seed = 1,
                 const DiscoverSettings& settings = {}) {
  RandomSource random(seed);
  DiscoverSession session(settings, random);
  NatLab lab(nat, servers, seed);
  ProbeOutput none;
  for (const LabServer& server : servers) session.add_server(Instant(), server.address, none);
  session.no_more_servers(Instant(), none);
  lab.run(session);
  EXPECT_TRUE(session.done());
  return {session.result(), lab.elapsed()};
}

const LabServer kPlainA{kServerA};
const LabServer kPlainC{kServerC};

TEST(Discover, FindsWhatTwoServersAgreeOn) {
  const Finding run = discover({}, {kPlainA, kPlainC});
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::found);
  EXPECT_EQ(run.result.mapped, (Endpoint{kNatIp, 20000}));
  EXPECT_TRUE(run.result.translated);
  EXPECT_LT(run.elapsed, milliseconds(100));
}

TEST(Discover, NeverCallsADependentMappingFound) {
  for (const auto mapping :
       {NatBehavior::address_dependent, NatBehavior::address_and_port_dependent}) {
    for (uint64_t seed = 1; seed < 20; ++seed) {
      const LabNat nat{.mapping = mapping, .loss_percent = seed % 2 == 0 ? 0 : 30};
      const auto outcome = discover(nat, {kPlainA, kPlainC}, seed).result.outcome;
      EXPECT_NE(outcome, DiscoverOutcome::found);
      if (nat.loss_percent > 0) continue;
      EXPECT_EQ(outcome, DiscoverOutcome::endpoint_dependent);
    }
  }
}

TEST(Discover, DoesNotTrustOneServerAlone) {
  EXPECT_EQ(discover({}, {kPlainA}).result.outcome, DiscoverOutcome::unconfirmed);
  const LabServer silent{kServerC, {}, Quirk::silent};
  EXPECT_EQ(discover({}, {kPlainA, silent}).result.outcome, DiscoverOutcome::unconfirmed);
}

TEST(Discover, IsContentWithOneServerAfterAWhileWhereToldSo) {
  const LabServer silent{kServerC, {}, Quirk::silent};
  const DiscoverSettings settings{.second_opinion = milliseconds(700)};
  const Finding run = discover({}, {kPlainA, silent}, 1, settings);
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::unconfirmed);
  EXPECT_EQ(run.result.mapped, (Endpoint{kNatIp, 20000}));
  EXPECT_LT(run.elapsed, seconds(1));
  const LabNat nat{.mapping = NatBehavior::address_dependent};
  const Finding symmetric = discover(nat, {kPlainA, kPlainC}, 1, settings);
  EXPECT_EQ(symmetric.result.outcome, DiscoverOutcome::endpoint_dependent);
  EXPECT_LT(symmetric.elapsed, seconds(1));
}

TEST(Discover, AsksTheSecondAddressOfTheOnlyServer) {
  const LabServer pair{kServerA, kServerB};
  EXPECT_EQ(discover({}, {pair}).result.outcome, DiscoverOutcome::found);
  const LabNat nat{.mapping = NatBehavior::address_dependent};
  EXPECT_EQ(discover(nat, {pair}).result.outcome, DiscoverOutcome::endpoint_dependent);
}

TEST(Discover, NeedsOneServerOnlyWhereNothingIsTranslated) {
  const Finding run = discover({.translates = false}, {kPlainA});
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::found);
  EXPECT_FALSE(run.result.translated);
}

TEST(Discover, GoesOnToTheNextServerWhenOneIsSilent) {
  const LabServer silent{kServerB, {}, Quirk::silent};
  const Finding run = discover({}, {silent, kPlainA, kPlainC});
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::found);
  EXPECT_LT(run.elapsed, seconds(1));
}

TEST(Discover, OutvotesAServerThatLies) {
  const LabServer liar{kServerB, {}, Quirk::lies};
  const Finding run = discover({}, {liar, kPlainA, kPlainC});
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::found);
  EXPECT_EQ(run.result.mapped.ip, kNatIp);
}

TEST(Discover, IgnoresAnswersFromElsewhere) {
  const LabServer odd{kServerA, {}, Quirk::answers_elsewhere};
  const Finding run = discover({}, {odd, kPlainC});
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::unconfirmed);
  EXPECT_TRUE(run.result.servers[0].answered_from);
}

TEST(Discover, ReadsServersOfRfc3489) {
  const LabServer old_a{kServerA, {}, Quirk::plain_only};
  const LabServer old_c{kServerC, {}, Quirk::plain_only};
  EXPECT_EQ(discover({}, {old_a, old_c}).result.outcome, DiscoverOutcome::found);
}

TEST(Discover, GivesUpInTimeWhereNobodyAnswers) {
  const Finding run = discover({.blocks = true}, {kPlainA, kPlainC});
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::no_answer);
  EXPECT_LE(run.elapsed, seconds(8));
}

TEST(Discover, SurvivesLoss) {
  int found = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const LabServer b{{kIpB, 3478}};
    const LabNat nat{.loss_percent = 30};
    const auto outcome = discover(nat, {kPlainA, kPlainC, b}, seed).result.outcome;
    EXPECT_NE(outcome, DiscoverOutcome::endpoint_dependent);
    if (outcome == DiscoverOutcome::found) ++found;
  }
  EXPECT_GE(found, 97);
}

TEST(Discover, IsNotMisledByARouterThatForgetsBetweenTwoAnswers) {
  // C is asked after the first two have answered or failed to: by then the mapping is another one.
  RandomSource random(1);
  DiscoverSession session({}, random);
  const LabServer silent{kServerB, {}, Quirk::silent};
  NatLab lab({}, {kPlainA, silent, kPlainC});
  lab.at(milliseconds(300), [&lab] { lab.forget_mappings(); });
  ProbeOutput none;
  for (const Endpoint& server : {kServerA, kServerB, kServerC}) {
    session.add_server(Instant(), server, none);
  }
  session.no_more_servers(Instant(), none);
  lab.run(session);
  EXPECT_EQ(session.result().outcome, DiscoverOutcome::found);
  EXPECT_EQ(session.result().mapped, (Endpoint{kNatIp, 20001}));
}

TEST(Discover, GivesUpAtOnceWhenThereIsNoServerToAsk) {
  const Finding run = discover({}, {});
  EXPECT_EQ(run.result.outcome, DiscoverOutcome::no_answer);
  EXPECT_LT(run.elapsed, seconds(1));
}

TEST(Discover, AsksServersThatBecomeKnownWhileItRuns) {
  RandomSource random(1);
  DiscoverSession session({}, random);
  NatLab lab({}, {kPlainA, kPlainC});
  lab.at(seconds(2), [&] {
    lab.call([&](Instant now, ProbeOutput& out) {
      session.add_server(now, kServerA, out);
      session.add_server(now, kServerC, out);
    });
  });
  lab.run(session);
  EXPECT_EQ(session.result().outcome, DiscoverOutcome::found);
}

}  // namespace
}  // namespace turnpike::client
