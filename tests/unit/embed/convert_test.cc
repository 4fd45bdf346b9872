// What programs ask of the library, and what they are told.
#include "embed/convert.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace turnpike::embed {
namespace {

using discovery::Status;

discovery::NatOptions asking(const std::string& server) {
  discovery::NatOptions options;
  options.where.servers = {server};
  return options;
}

TEST(NatOptions, HandTheCredentialsOn) {
  discovery::NatOptions options = asking("192.0.2.1");
  options.where.transport = discovery::Transport::tcp;
  options.user = "alice";
  options.password = "wonderland";
  const auto ours = to_options(options);
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(ours->credentials.username, "alice");
  EXPECT_EQ(ours->credentials.password, "wonderland");
  EXPECT_EQ(ours->credentials.style, client::CredentialStyle::automatic);
  EXPECT_EQ(ours->where.transport, client::ProbeTransport::tcp);
}

TEST(NatOptions, HaveNoCredentialsUnlessTheyAreGiven) {
  const auto ours = to_options(asking("192.0.2.1"));
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(ours->credentials.username, "");
  EXPECT_EQ(ours->credentials.password, "");
  EXPECT_EQ(ours->where.transport, client::ProbeTransport::udp);
}

TEST(NatOptions, AreRefusedWithASentence) {
  EXPECT_EQ(to_options(asking("a b")).error(), "not a server: a b");
  discovery::NatOptions options = asking("192.0.2.1");
  options.where.local_ip = "here";
  EXPECT_EQ(to_options(options).error(), "not an IP address: here");
  options.where.local_ip = "::1";
  options.where.family = discovery::Family::ipv4;
  EXPECT_EQ(to_options(options).error(), "the local address is of the other family");
  options.where.local_ip = "192.0.2.7";
  EXPECT_TRUE(to_options(options).has_value());
  options.where.patience = std::chrono::milliseconds::zero();
  EXPECT_EQ(to_options(options).error(), "patience must be more than nothing");
}

TEST(NatReport, TellsWhatWasLearnedOfFilteringAndWhyNotMore) {
  client::NatReport report;
  report.result.presence = client::NatPresence::translated;
  report.result.mapping = client::NatBehavior::endpoint_independent;
  report.result.filtering = client::NatBehavior::address_dependent;
  report.result.notes = {"why not more"};
  const discovery::Nat nat = from_report(report);
  EXPECT_EQ(nat.status, discovery::Status::found);
  EXPECT_TRUE(nat.translated);
  EXPECT_EQ(nat.mapping, discovery::Behavior::endpoint_independent);
  EXPECT_EQ(nat.filtering, discovery::Behavior::address_dependent);
  EXPECT_EQ(nat.notes, report.result.notes);
}

Status status_with(int error) {
  client::DiscoveryReport report;
  report.verdict = client::DiscoveryVerdict::not_allowed;
  report.problem = net::SysError{error, "bind"};
  client::NatReport nat;
  nat.problem = report.problem;
  EXPECT_EQ(from_report(nat).status, from_report(report).status);
  EXPECT_FALSE(from_report(nat).message.empty());
  return from_report(report).status;
}

TEST(Convert, TellsWhatTheSystemLacksFromWhatItForbids) {
  for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS}) {
    EXPECT_EQ(status_with(error), Status::out_of_resources);
  }
  EXPECT_EQ(status_with(EADDRINUSE), Status::port_in_use);
  EXPECT_EQ(status_with(EACCES), Status::not_allowed);
  EXPECT_EQ(status_with(EADDRNOTAVAIL), Status::not_allowed);
}

TEST(Convert, SaysHowSureResultsAre) {
  client::NatReport report;
  report.result.presence = client::NatPresence::translated;
  report.result.filtering = client::NatBehavior::address_dependent;
  report.result.lifetime = client::LifetimeRange{seconds(25), seconds(30), true};
  EXPECT_FALSE(from_report(report).filtering_proven);
  EXPECT_TRUE(from_report(report).lifetime_compared);
  report.result.filtering_proven = true;
  report.result.lifetime->compared = false;
  EXPECT_TRUE(from_report(report).filtering_proven);
  EXPECT_FALSE(from_report(report).lifetime_compared);
}

TEST(Convert, CallsNothingBlockedWhereNoServerAnswers) {
  client::NatReport report;
  report.result.presence = client::NatPresence::blocked;
  EXPECT_EQ(from_report(report).status, Status::servers_unreachable);
  EXPECT_EQ(from_report(report).name, "unknown");
  EXPECT_EQ(from_report(report).message, "no server answered");
  report.tcp_answers = true;
  EXPECT_EQ(from_report(report).status, Status::udp_blocked);
  EXPECT_EQ(from_report(report).name, "UDP blocked");
}

}  // namespace
}  // namespace turnpike::embed
