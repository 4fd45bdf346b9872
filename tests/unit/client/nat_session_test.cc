#include "client/nat_session.h"

#include <gtest/gtest.h>

#include "nat_lab.h"

namespace turnpike::client {
namespace {

using Behavior = NatBehavior;

const LabServer kPair{kServerA, kServerB};

NatResult test_nat(const LabNat& nat, const std::vector<LabServer>& servers, uint64_t seed = 1,
                   const NatSettings& settings = {}) {
  std::vector<Endpoint> addresses;
  for (const LabServer& server : servers) addresses.push_back(server.address);
  RandomSource random(seed);
  NatSession session(settings, addresses, random);
  NatLab lab(nat, servers, seed);
  lab.run(session);
  EXPECT_TRUE(session.done());
  return session.result();
}

constexpr std::array kBehaviors = {Behavior::endpoint_independent, Behavior::address_dependent,
                                   Behavior::address_and_port_dependent};

TEST(NatSession, NamesEveryCombinationOfMappingAndFiltering) {
  for (const Behavior mapping : kBehaviors) {
    for (const Behavior filtering : kBehaviors) {
      const NatResult result = test_nat({.mapping = mapping, .filtering = filtering}, {kPair});
      EXPECT_EQ(result.presence, NatPresence::translated);
      EXPECT_EQ(result.mapping, mapping);
      EXPECT_EQ(result.filtering, filtering);
    }
  }
}

TEST(NatSession, NamesEveryCombinationUnderLossOfThirtyPercentEachWay) {
  int unknown = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    for (const Behavior mapping : kBehaviors) {
      for (const Behavior filtering : kBehaviors) {
        const NatResult result = test_nat(
            {.mapping = mapping, .filtering = filtering, .loss_percent = 30}, {kPair}, seed);
        EXPECT_TRUE(result.mapping == mapping || result.mapping == Behavior::unknown ||
                    (result.mapping == Behavior::endpoint_dependent &&
                     mapping != Behavior::endpoint_independent));
        EXPECT_TRUE(result.filtering == filtering || result.filtering == Behavior::unknown)
            << name(result.filtering) << " for " << name(filtering) << ", seed " << seed;
        if (result.mapping != mapping || result.filtering != filtering) ++unknown;
      }
    }
  }
  EXPECT_LE(unknown, 4);
}

TEST(NatSession, TakesLessThanTenSecondsWithoutLossAndFortyWith) {
  for (const int loss : {0, 30}) {
    RandomSource random(5);
    NatSession session({}, {kServerA}, random);
    NatLab lab({.filtering = Behavior::address_and_port_dependent, .loss_percent = loss}, {kPair});
    lab.run(session);
    EXPECT_LT(lab.elapsed(), loss == 0 ? seconds(10) : seconds(40));
  }
}

TEST(NatSession, TellsOpenFromFirewalled) {
  for (const Behavior filtering : kBehaviors) {
    const NatResult result = test_nat({.translates = false, .filtering = filtering}, {kPair});
    EXPECT_EQ(result.presence, NatPresence::none);
    EXPECT_EQ(result.filtering, filtering);
  }
  EXPECT_EQ(test_nat({.translates = false}, {kPair}).nat_class(), NatClass::open_internet);
}

TEST(NatSession, TellsABlockedNetwork) {
  EXPECT_EQ(test_nat({.blocks = true}, {kPair}).presence, NatPresence::blocked);
}

TEST(NatSession, FindsHairpinningWhateverTheFilter) {
  for (const Behavior filtering : kBehaviors) {
    EXPECT_EQ(test_nat({.filtering = filtering, .hairpins = true}, {kPair}).hairpin, true);
    EXPECT_EQ(test_nat({.filtering = filtering}, {kPair}).hairpin, false);
  }
}

TEST(NatSession, TellsWhetherThePortIsPreserved) {
  EXPECT_EQ(test_nat({.preserves_ports = true}, {kPair}).port_preserved, true);
  EXPECT_EQ(test_nat({}, {kPair}).port_preserved, false);
}

// Filtering must be unknown, never guessed, when the server can't do the test.
void expect_filtering_unknown(const LabServer& server, Behavior filtering) {
  const NatResult result = test_nat({.filtering = filtering}, {server});
  EXPECT_EQ(result.filtering, Behavior::unknown);
  EXPECT_FALSE(result.notes.empty());
}

TEST(NatSession, BelievesNoServerThatIgnoresChangeRequests) {
  expect_filtering_unknown({kServerA, kServerB, Quirk::ignores_change},
                           Behavior::endpoint_independent);
}

TEST(NatSession, BelievesNoServerThatDropsChangeRequests) {
  for (const Behavior filtering : kBehaviors) {
    expect_filtering_unknown({kServerA, kServerB, Quirk::drops_change}, filtering);
  }
}

TEST(NatSession, BelievesNoServerThatRejectsChangeRequests) {
  expect_filtering_unknown({kServerA, kServerB, Quirk::rejects_change},
                           Behavior::endpoint_independent);
}

TEST(NatSession, BelievesNoServerWhoseOtherAddressLeadsNowhere) {
  expect_filtering_unknown({kServerA, kServerB, Quirk::advertises_nowhere},
                           Behavior::address_and_port_dependent);
}

// A port that has been used before: what it has spoken to is in the filter's memory.
NatResult test_used_port(const LabNat& nat, const std::vector<Endpoint>& spoken_to,
                         const LabServer& server = kPair) {
  RandomSource random(3);
  NatSession session({.named_port = true}, {server.address}, random);
  NatLab lab(nat, {server});
  for (const Endpoint& to : spoken_to) lab.speak(0, to);
  lab.run(session);
  EXPECT_TRUE(session.done());
  return session.result();
}

// What `discover` speaks to, with either of the server's addresses or both, and an earlier test.
const std::vector<std::vector<Endpoint>> kEarlierUses = {
    {kServerA, kServerB},
    {kServerA, {kIpB, kServerA.port}},
    {{kIpB, kServerA.port}, {kIpA, kServerB.port}},
    {kServerA},
    {}};

TEST(NatSession, IsNotMisledByAPortThatHasSpokenToTheServerBefore) {
  for (const auto& spoken_to : kEarlierUses) {
    for (const bool translates : {true, false}) {
      EXPECT_EQ(test_used_port(
                    {.translates = translates, .filtering = Behavior::address_and_port_dependent},
                    spoken_to)
                    .filtering,
                Behavior::address_and_port_dependent);
      const Behavior by_address =
          test_used_port({.translates = translates, .filtering = Behavior::address_dependent},
                         spoken_to)
              .filtering;
      const bool elsewhere = spoken_to.size() > 1;
      EXPECT_EQ(by_address, elsewhere ? Behavior::unknown : Behavior::address_dependent);
      EXPECT_EQ(test_used_port({.translates = translates}, spoken_to).filtering,
                Behavior::endpoint_independent);
    }
  }
}

TEST(NatSession, SaysWhyAUsedPortTellsNothing) {
  const NatResult result =
      test_used_port({.filtering = Behavior::address_dependent}, kEarlierUses[0]);
  EXPECT_FALSE(result.filtering_proven);
  ASSERT_EQ(result.notes.size(), 1u);
  EXPECT_NE(result.notes[0].find("lately"), std::string::npos);
}

// That another port is answered from elsewhere is no answer from that port.
TEST(NatSession, CallsNoPortOpenedWhereAServerCannotTestByPort) {
  const LabServer server{kServerA, kServerB, Quirk::changes_both};
  const LabNat nat{.filtering = Behavior::address_and_port_dependent};
  const NatResult result = test_used_port(nat, kEarlierUses[0], server);
  EXPECT_EQ(result.filtering, Behavior::unknown);
  EXPECT_FALSE(result.filtering_proven);
  ASSERT_EQ(result.notes.size(), 1u);
  EXPECT_NE(result.notes[0].find("could not be compared"), std::string::npos);
}

TEST(NatSession, SeesAForwardedPort) {
  const NatResult result = test_used_port(
      {.filtering = Behavior::address_and_port_dependent, .forwards = true}, kEarlierUses[0]);
  EXPECT_EQ(result.nat_class(), NatClass::full_cone);
  ASSERT_EQ(result.notes.size(), 1u);
}

TEST(NatSession, TellsWhetherFragmentsPass) {
  const NatResult all = test_nat({}, {kPair});
  EXPECT_EQ(all.fragments_out, true);
  EXPECT_EQ(all.fragments_in, true);
  const NatResult not_out = test_nat({.drops_fragments_out = true}, {kPair});
  EXPECT_EQ(not_out.fragments_out, false);
  EXPECT_FALSE(not_out.fragments_in);
  const NatResult not_in = test_nat({.drops_fragments_in = true}, {kPair});
  EXPECT_EQ(not_in.fragments_out, true);
  EXPECT_EQ(not_in.fragments_in, false);
}

TEST(NatSession, TellsWhetherFragmentsPassWithServersThatPadToTheMtu) {
  const LabServer server{kServerA, kServerB, Quirk::pads_to_mtu};
  EXPECT_EQ(test_nat({}, {server}).fragments_in, true);
  EXPECT_EQ(test_nat({.drops_fragments_in = true}, {server}).fragments_out, true);
  EXPECT_EQ(test_nat({.drops_fragments_in = true}, {server}).fragments_in, false);
}

TEST(NatSession, BlamesNoPathForAServerThatDoesNotKnowPadding) {
  const LabServer old{kServerA, kServerB, Quirk::drops_unknown};
  EXPECT_EQ(test_nat({}, {old}).fragments_out, true);
  EXPECT_FALSE(test_nat({}, {old}).fragments_in);
  EXPECT_EQ(test_nat({.drops_fragments_out = true}, {old}).fragments_out, false);
  EXPECT_FALSE(test_nat({.drops_fragments_in = true}, {old}).fragments_in);
}

TEST(NatSession, ComparesTwoServersOfOneAddress) {
  const LabServer a{kServerA};
  const LabServer c{kServerC};
  EXPECT_EQ(test_nat({}, {a, c}).mapping, Behavior::endpoint_independent);
  EXPECT_EQ(test_nat({}, {a, c}).filtering, Behavior::unknown);
  EXPECT_EQ(test_nat({.mapping = Behavior::address_dependent}, {a, c}).mapping,
            Behavior::endpoint_dependent);
  EXPECT_EQ(test_nat({.mapping = Behavior::address_dependent}, {a, c}).nat_class(),
            NatClass::symmetric);
}

TEST(NatSession, DoesNotGuessTheMappingFromOneAddress) {
  EXPECT_EQ(test_nat({}, {LabServer{kServerA}}).mapping, Behavior::unknown);
}

TEST(NatSession, PrefersAServerWithTwoAddresses) {
  const NatResult result = test_nat({}, {LabServer{kServerC}, kPair});
  EXPECT_EQ(result.server, kServerA);
  EXPECT_EQ(result.filtering, Behavior::endpoint_independent);
}

TEST(NatSession, WorksWithServersOfRfc3489) {
  const LabServer old{kServerA, kServerB, Quirk::plain_only};
  const NatResult result = test_nat({.filtering = Behavior::address_dependent}, {old});
  EXPECT_EQ(result.nat_class(), NatClass::restricted_cone);
}

TEST(NatSession, IsNotMisledByAnswersThatComeTwice) {
  const LabServer server{kServerA, kServerB, Quirk::twice};
  const NatResult result = test_nat({.filtering = Behavior::address_and_port_dependent}, {server});
  EXPECT_EQ(result.nat_class(), NatClass::port_restricted_cone);
}

TEST(NatSession, UsesNoServerThatAnswersFromElsewhere) {
  const LabServer server{kServerA, kServerB, Quirk::answers_elsewhere};
  EXPECT_EQ(test_nat({}, {server}).presence, NatPresence::blocked);
}

TEST(NatSession, BeginsAgainWhenTheRouterForgetsUs) {
  for (int at = 100; at < 3000; at += 200) {
    RandomSource random(9);
    NatSession session({}, {kServerA}, random);
    NatLab lab({.filtering = Behavior::address_dependent}, {kPair});
    lab.at(milliseconds(at), [&lab] { lab.forget_mappings(); });
    lab.run(session);
    EXPECT_EQ(session.result().nat_class(), NatClass::restricted_cone) << at;
  }
}

TEST(NatSession, IsRightWithMappingsThatLastFourSeconds) {
  const NatResult result = test_nat(
      {.filtering = Behavior::address_and_port_dependent, .forgets_after = seconds(4)}, {kPair});
  EXPECT_EQ(result.nat_class(), NatClass::port_restricted_cone);
}

TEST(NatSession, MeasuresHowLongAMappingLasts) {
  const NatResult result =
      test_nat({.forgets_after = seconds(27)}, {kPair}, 1, {.longest_lifetime = seconds(180)});
  ASSERT_TRUE(result.lifetime);
  EXPECT_EQ(result.lifetime->alive_after, seconds(25));
  EXPECT_EQ(result.lifetime->gone_after, seconds(30));
  EXPECT_FALSE(result.lifetime->compared);
}

TEST(NatSession, MeasuresLifetimeWithServersThatKnowNoResponsePort) {
  const LabServer server{kServerA, kServerB, Quirk::no_response_port};
  const NatResult result =
      test_nat({.forgets_after = seconds(27)}, {server}, 1, {.longest_lifetime = seconds(180)});
  ASSERT_TRUE(result.lifetime);
  EXPECT_EQ(result.lifetime->gone_after, seconds(30));
  EXPECT_TRUE(result.lifetime->compared);
}

TEST(NatSession, SaysWhenAMappingOutlivesTheTest) {
  const NatResult result = test_nat({}, {kPair}, 1, {.longest_lifetime = seconds(60)});
  ASSERT_TRUE(result.lifetime);
  EXPECT_EQ(result.lifetime->alive_after, seconds(60));
  EXPECT_FALSE(result.lifetime->gone_after);
}

TEST(NatSession, TestsTheMappingOverTcp) {
  NatSettings settings;
  settings.delivery = stun::Delivery::reliable;
  for (const Behavior mapping : kBehaviors) {
    const NatResult result = test_nat({.mapping = mapping}, {kPair}, 1, settings);
    EXPECT_EQ(result.mapping, mapping);
    EXPECT_EQ(result.filtering, Behavior::unknown);
  }
}

TEST(NatSession, SendsAThousandDatagramsAtMost) {
  RandomSource random(4);
  NatSession session({}, {kServerA}, random);
  NatLab lab({.filtering = Behavior::address_and_port_dependent, .loss_percent = 30}, {kPair});
  lab.run(session);
  EXPECT_LT(lab.sent(), 1000u);
}

TEST(NatSession, NeedsAServer) {
  RandomSource random(4);
  NatSession session({}, {}, random);
  NatLab lab({}, {});
  lab.run(session);
  EXPECT_TRUE(session.done());
  EXPECT_EQ(session.result().presence, NatPresence::unknown);
}

}  // namespace
}  // namespace turnpike::client
