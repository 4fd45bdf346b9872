#include <array>

#include <gtest/gtest.h>

#include "cli/probe_options.h"
#include "cli/probe_payload.h"
#include "cli/probe_report.h"
#include "run_command.h"

namespace turnpike::cli {
namespace {

using client::FailureKind;
using client::RequestFailed;
using stun::ErrorCode;
using stun::Method;
using State = ProbeCheck::State;

RequestFailed refusal(ErrorCode code, Method method = Method::allocate) {
  return {.request = {},
          .took = {},
          .method = method,
          .kind = FailureKind::rejected,
          .code = static_cast<uint16_t>(code)};
}

Result<ProbeOptions, int> options_of(const std::vector<std::string>& arguments) {
  return parse_probe_options(arguments);
}

TEST(ProbePayload, IsRecognisedByItsRun) {
  const Payload payload = probe_payload(7, 3, 100);
  EXPECT_EQ(payload.size(), 100u);
  EXPECT_EQ(payload_number(7, payload), 3u);
  EXPECT_FALSE(payload_number(8, payload));
  EXPECT_FALSE(payload_number(7, ByteView(payload).first(kMinPayloadSize - 1)));
}

TEST(ProbePayload, EchoIsAsLongAndCarriesTheNumber) {
  const Payload payload = probe_payload(7, 3, 100);
  const auto echo = echo_of(payload);
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->size(), payload.size());
  EXPECT_EQ(payload_number(7, *echo), 3u);
}

TEST(ProbePayload, EchoesAnswerNeitherEchoesNorStrangers) {
  EXPECT_FALSE(echo_of(*echo_of(probe_payload(7, 3, 100))));
  EXPECT_FALSE(echo_of(as_bytes("a datagram of somebody else's")));
  EXPECT_FALSE(echo_of({}));
}

TEST(ProbeExplain, EveryFailureThatAPersonCanMendHasItsOwnExitCode) {
  const std::array cases = {
      std::pair{refusal(ErrorCode::try_alternate), ProbeExit::redirected},
      std::pair{refusal(ErrorCode::forbidden), ProbeExit::forbidden},
      std::pair{refusal(ErrorCode::allocation_mismatch), ProbeExit::allocation_mismatch},
      std::pair{refusal(ErrorCode::address_family_not_supported), ProbeExit::no_such_family},
      std::pair{refusal(ErrorCode::unsupported_transport), ProbeExit::transport_refused},
      std::pair{refusal(ErrorCode::allocation_quota_reached), ProbeExit::quota_reached},
      std::pair{refusal(ErrorCode::insufficient_capacity), ProbeExit::no_capacity},
      std::pair{refusal(ErrorCode::server_error), ProbeExit::failure},
  };
  for (const auto& [failure, exit] : cases) {
    EXPECT_EQ(explain(failure).exit, exit) << failure.code;
    EXPECT_FALSE(explain(failure).advice.empty()) << failure.code;
  }
}

TEST(ProbeExplain, FailuresWithoutACodeAreExplainedToo) {
  RequestFailed failure = refusal(ErrorCode::unauthenticated);
  failure.kind = FailureKind::wrong_credentials;
  EXPECT_EQ(explain(failure).exit, ProbeExit::wrong_credentials);
  failure.code = 0;
  failure.kind = FailureKind::timed_out;
  EXPECT_EQ(explain(failure).exit, ProbeExit::unreachable);
  for (const FailureKind kind :
       {FailureKind::not_authenticated, FailureKind::no_credentials, FailureKind::downgrade,
        FailureKind::algorithm_not_offered, FailureKind::malformed, FailureKind::expired}) {
    failure.kind = kind;
    EXPECT_FALSE(explain(failure).what.empty());
    EXPECT_FALSE(explain(failure).advice.empty());
  }
}

TEST(ProbeExplain, RedirectionNamesTheServer) {
  RequestFailed failure = refusal(ErrorCode::try_alternate);
  failure.alternate = Endpoint{Ip::v4(0xc0000209), 3478};
  EXPECT_NE(explain(failure).advice.find("192.0.2.9:3478"), std::string::npos);
}

ProbeReport passed_report() {
  ProbeReport report;
  for (ProbeCheck* check : {&report.binding, &report.allocate, &report.permission, &report.channel,
                            &report.inside, &report.outside}) {
    check->state = State::passed;
  }
  return report;
}

TEST(ProbeReport, AllPassedIsSuccess) {
  EXPECT_EQ(exit_of(passed_report()), ProbeExit::ok);
}

TEST(ProbeReport, ForbiddenPeerHasItsOwnExitCodeOnlyIfAllElsePassed) {
  ProbeReport report = passed_report();
  report.outside.state = State::forbidden;
  EXPECT_EQ(exit_of(report), ProbeExit::peer_forbidden);
  report.inside.state = State::failed;
  report.inside.problem = ProbeProblem{ProbeExit::silent_relay, "", ""};
  EXPECT_EQ(exit_of(report), ProbeExit::silent_relay);
}

TEST(ProbeReport, ServerThatAnswersNoBindingMayRelayAllTheSame) {
  ProbeReport report = passed_report();
  report.binding.state = State::failed;
  EXPECT_EQ(exit_of(report), ProbeExit::ok);
}

TEST(ProbeReport, WhereNothingWasTriedBindingDecides) {
  ProbeReport report;
  report.binding.state = State::failed;
  report.binding.problem = ProbeProblem{ProbeExit::unreachable, "", ""};
  EXPECT_EQ(exit_of(report), ProbeExit::unreachable);
  report.relays = false;
  report.binding.state = State::passed;
  EXPECT_EQ(exit_of(report), ProbeExit::ok);
}

TEST(ProbeReport, TestThatDidNotRunIsNoSuccess) {
  ProbeReport report = passed_report();
  report.outside.state = State::not_run;
  EXPECT_EQ(exit_of(report), ProbeExit::failure);
}

TEST(ProbeOptions, TakesHostPortAndUser) {
  const auto options = options_of(
      {"--host", "example.org", "--port", "99", "--user", "u", "--password", "p", "--count", "3"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->target.host, "example.org");
  EXPECT_EQ(options->target.port, 99);
  EXPECT_EQ(options->target.credentials.username, "u");
  EXPECT_EQ(options->target.credentials.password, "p");
  EXPECT_EQ(options->count, 3u);
}

TEST(ProbeOptions, TakesAUri) {
  const auto options = options_of({"turn:[2001:db8::1]:99", "--no-auth"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->target.host, "2001:db8::1");
  EXPECT_EQ(options->target.port, 99);
  EXPECT_TRUE(options->target.credentials.username.empty());
}

TEST(ProbeOptions, StunUriNeedsNoCredentials) {
  const auto options = options_of({"stun:example.org"});
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->target.relays);
}

TEST(ProbeOptions, SecretMakesATimeLimitedUser) {
  const auto options = options_of({"--host", "h", "--user", "bob", "--secret", "s"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->target.credentials.username.ends_with(":bob"));
  EXPECT_EQ(options->target.credential_words, "--user bob --secret SECRET");
}

TEST(ProbeOptions, WordsForTheShellHideThePasswordAndQuoteTheUser) {
  const auto options =
      options_of({"--host", "h", "--user", "it's me", "--password", "confidential"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->target.credential_words, "--user 'it'\\''s me' --password PASSWORD");
}

TEST(ProbeOptions, WrongOnesAreRefusedWithOneSentence) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"--host", "h"},
      {"--host", "h", "--user", "u"},
      {"--host", "h", "--password", "p"},
      {"--host", "h", "--no-auth", "--user", "u"},
      {"--host", "h", "--user", "u", "--password", "p", "--secret", "s"},
      {"--host", "h", "--no-auth", "--count", "0"},
      {"--host", "h", "--no-auth", "--port", "70000"},
      {"--host", "h", "--no-auth", "--ipv4", "--ipv6"},
      {"--host", "h", "--no-auth", "--peer", "192.0.2.1"},
      {"--host", "h", "--no-auth", "--auth", "sha1"},
      {"--host", "h", "--no-auth", "turn:h"},
      {"--host", "h", "--no-auth", "--transport", "sctp"},
      {"--host", "h", "--no-auth", "--insecure"},
      {"turn:h?transport=tcp", "--no-auth", "--ca-file", "f"},
      {"turns:h", "--no-auth", "--ca-file", "/nowhere/at/all"},
      {"--echo", "4000", "--host", "h"},
      {"--nonsense"},
  };
  for (const auto& arguments : cases) {
    const CommandResult result = run_command(probe, arguments);
    EXPECT_EQ(result.exit_code, kExitUsage);
    EXPECT_TRUE(result.errors.starts_with("turnpike probe: ")) << result.errors;
    EXPECT_TRUE(result.output.empty());
  }
}

TEST(Probe, HelpNamesTheExitCodes) {
  const CommandResult result = run_command(probe, {"--help"});
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_NE(result.output.find("Exit codes:"), std::string::npos);
}

TEST(Probe, ClosedPortIsUnreachable) {
  const CommandResult result =
      run_command(probe, {"--host", "127.0.0.1", "--port", "1", "--no-auth", "--timeout", "1"});
  EXPECT_EQ(result.exit_code, static_cast<int>(ProbeExit::unreachable));
  EXPECT_NE(result.output.find("nobody listens"), std::string::npos);
}

}  // namespace
}  // namespace turnpike::cli
